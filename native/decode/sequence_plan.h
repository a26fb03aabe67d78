// Where a generation's image tokens stand among the rows that the transformer reads.
//
// A model may want other tokens between its image tokens, always the same ones in the same places:
// at the end of every row of the picture, say. Nothing is to be decided about them, so they are no
// positions: they are not drafted, verified or counted, have no noise and no random numbers. They
// are rows that are fed behind the token that they follow.
//
//   position     0    1    2              3    4    5              6  ..
//   input row    0    1    2    3         4    5    6    7         8  ..     columns 3, one at the
//                               row end                  row end             end of a row
#pragma once

#include <cstdint>

namespace sjd2 {

class SequencePlan {
 public:
  // `row_end` rows behind every `columns`-th image token.
  SequencePlan(int32_t columns, int32_t row_end) : columns_(columns), row_end_(row_end) {}

  // The input row of an image position; the row before it has its law.
  int32_t row_of(int32_t position) const { return position + position / columns_ * row_end_; }

  // The first position behind this one that has other rows before it.
  int32_t side_by_side(int32_t position) const {
    return row_end_ == 0 ? INT32_MAX : position - position % columns_ + columns_;
  }

  // Input rows of `count` positions and of what follows them, at most.
  int32_t most_rows(int32_t count) const { return count + ((count - 1) / columns_ + 1) * row_end_; }

  // The position above in the picture, or -1.
  int32_t above(int32_t position) const { return position < columns_ ? -1 : position - columns_; }

 private:
  int32_t columns_, row_end_;
};

}  // namespace sjd2
