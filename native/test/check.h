// The smallest test harness that reports well: sentence-named cases, checks that print both sides.
// A case may fail several checks; the process exit code is the number of failed cases (at most
// 100).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace sjd2::test {

struct Case {
  std::string name;
  std::function<void()> body;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures_in_case() {
  static int count = 0;
  return count;
}

struct Register {
  Register(std::string name, std::function<void()> body) {
    cases().push_back({std::move(name), std::move(body)});
  }
};

template <typename A, typename B>
void check_equal(const A& actual, const B& expected, const char* what, const char* file, int line) {
  if (actual == expected) return;
  ++failures_in_case();
  std::cerr << file << ":" << line << ": " << what << "\n  expected " << expected << "\n  received "
            << actual << "\n";
}

inline void check_true(bool holds, const std::string& what, const char* file, int line) {
  if (holds) return;
  ++failures_in_case();
  std::cerr << file << ":" << line << ": " << what << "\n";
}

// Runs the cases whose name contains argv[1]; all without one; with "-word" those without the word.
inline int run(int argc, char** argv) {
  std::string filter = argc > 1 ? argv[1] : "";
  const bool exclude = filter.starts_with('-');
  if (exclude) filter.erase(0, 1);
  int failed = 0, ran = 0;
  for (const Case& test : cases()) {
    if ((test.name.find(filter) == std::string::npos) != exclude) continue;
    failures_in_case() = 0;
    ++ran;
    try {
      test.body();
    } catch (const std::exception& error) {
      check_true(false, std::string("threw: ") + error.what(), test.name.c_str(), 0);
    }
    std::printf("%s %s\n", failures_in_case() ? "FAIL" : "ok  ", test.name.c_str());
    std::fflush(stdout);
    if (failures_in_case()) ++failed;
  }
  std::printf("%d passed, %d failed\n", ran - failed, failed);
  if (ran == 0) return 1;
  return failed > 100 ? 100 : failed;
}

}  // namespace sjd2::test

#define SJD2_JOIN2(a, b) a##b
#define SJD2_JOIN(a, b) SJD2_JOIN2(a, b)
#define TEST(name)                                                     \
  static void SJD2_JOIN(test_body_, __LINE__)();                       \
  static const ::sjd2::test::Register SJD2_JOIN(test_case_, __LINE__)( \
      name, SJD2_JOIN(test_body_, __LINE__));                          \
  static void SJD2_JOIN(test_body_, __LINE__)()
#define CHECK(condition) ::sjd2::test::check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_MESSAGE(condition, message) \
  ::sjd2::test::check_true((condition), (message), __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
  ::sjd2::test::check_equal((actual), (expected), #actual " == " #expected, __FILE__, __LINE__)
