/**
 * What a careful Node.js developer would write instead of the native kernel: `verify` with maximal
 * coupling on typed arrays. One scan for guidance and maximum, quickselect (never a full sort) for
 * top-k, exponentials of survivors only, inverse CDF draws, no allocation in the loop.
 */

/** The k-th largest of values[0..n), by Hoare's quickselect; reorders `values`. */
function kthLargest(values, n, k) {
  let low = 0;
  let high = n - 1;
  const target = k - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] > pivot) i++;
      while (values[j] < pivot) j--;
      if (i <= j) {
        const swap = values[i];
        values[i++] = values[j];
        values[j--] = swap;
      }
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return values[target];
}

/** Buffers for windows of `count` rows over `vocabulary` tokens. */
export function makeVerifier(count, vocabulary) {
  const guided = new Float32Array(vocabulary);
  const scratch = new Float32Array(vocabulary);

  /**
   * @param logits [2, count, vocabulary]; `laws` [count, vocabulary] holds q and receives p.
   * @returns length of the kept prefix; `drafts` [count] receives the new tokens.
   */
  return function verify(logits, laws, drafts, guidance, topK) {
    let passed = 0;
    let stopped = false;
    for (let row = 0; row < count; row++) {
      const cond = row * vocabulary;
      const uncond = (count + row) * vocabulary;
      let top = Number.NEGATIVE_INFINITY;
      for (let v = 0; v < vocabulary; v++) {
        const u = logits[uncond + v];
        const value = u + guidance * (logits[cond + v] - u);
        guided[v] = value;
        if (value > top) top = value;
      }
      scratch.set(guided);
      const threshold = topK > 0 ? kthLargest(scratch, vocabulary, topK) : Number.NEGATIVE_INFINITY;
      let total = 0;
      for (let v = 0; v < vocabulary; v++) {
        const weight = guided[v] >= threshold ? Math.exp(guided[v] - top) : 0;
        guided[v] = weight;
        total += weight;
      }
      const scale = 1 / total;
      const draft = drafts[row];
      const kept = Math.random() * laws[cond + draft] < guided[draft] * scale;
      let mass = 0;
      if (!kept) {
        for (let v = 0; v < vocabulary; v++) {
          const residual = guided[v] * scale - laws[cond + v];
          if (residual > 0) mass += residual;
        }
        const target = Math.random() * mass;
        let sum = 0;
        for (let v = 0; v < vocabulary; v++) {
          const residual = guided[v] * scale - laws[cond + v];
          if (residual <= 0) continue;
          sum += residual;
          drafts[row] = v;
          if (sum > target) break;
        }
      }
      for (let v = 0; v < vocabulary; v++) laws[cond + v] = guided[v] * scale;
      if (!kept) stopped = true;
      else if (!stopped) passed++;
    }
    return passed;
  };
}
