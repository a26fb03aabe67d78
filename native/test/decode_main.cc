#include "check.h"

int main(int argc, char** argv) { return sjd2::test::run(argc, argv); }
