#include "reference.h"

namespace sjd2::reference {

const Kernels kernels{enter, noise, verify, refine};

}  // namespace sjd2::reference
