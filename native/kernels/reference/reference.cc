#include "reference.h"

namespace sjd2::reference {

const Kernels kernels{noise, verify, refine};

}  // namespace sjd2::reference
