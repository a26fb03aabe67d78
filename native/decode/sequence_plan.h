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
//
// A model may also draw a small picture first, which it then draws again in full: the sketch. Its
// tokens are image tokens like all others, in a grid of their own before the picture's.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sjd2 {

// Image tokens in raster order.
struct Grid {
  int32_t rows = 0, columns = 0;
  int32_t tokens() const { return rows * columns; }
};

class SequencePlan {
 public:
  // `row_end` rows behind the last image token of every raster row; a picture of `columns` columns
  // behind the sketch, which has no rows where there is none.
  SequencePlan(Grid sketch, int32_t columns, int32_t row_end)
      : sketch_(sketch), columns_(columns), row_end_(row_end) {}

  // The input row of an image position; the row before it has its law.
  int32_t row_of(int32_t position) const {
    const int32_t rows = position < sketch_.tokens() ? 0 : sketch_.rows;
    return position + (rows + place(position) / columns(position)) * row_end_;
  }

  // The first position behind this one that has other rows before it.
  int32_t side_by_side(int32_t position) const {
    if (row_end_ == 0) return INT32_MAX;
    return position - place(position) % columns(position) + columns(position);
  }

  // Input rows of `count` positions and of what follows them, at most.
  int32_t most_rows(int32_t count) const {
    const int32_t narrowest = sketch_.rows == 0 ? columns_ : std::min(sketch_.columns, columns_);
    return count + ((count - 1) / narrowest + 1) * row_end_;
  }

  // The position above in the same grid, or -1.
  int32_t above(int32_t position) const {
    return place(position) < columns(position) ? -1 : position - columns(position);
  }

 private:
  // In its grid.
  int32_t place(int32_t position) const {
    return position < sketch_.tokens() ? position : position - sketch_.tokens();
  }
  int32_t columns(int32_t position) const {
    return position < sketch_.tokens() ? sketch_.columns : columns_;
  }

  Grid sketch_;
  int32_t columns_, row_end_;
};

}  // namespace sjd2
