/**
 * The Frechet distance of two sets of feature vectors (Heusel et al. 2017, arXiv 1706.08500): squared
 * distance of means, plus tr(A + B - 2 (AB)^1/2) of covariances. It is zero for equal Gaussians.
 *
 * Few samples make it too large: the mean of n vectors is off by tr(A)/n alone. Compare values of the
 * same n, and see `floor` in the encoder's statistics for what real drawings score.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Mean and covariance (divided by n - 1; zero for a single vector) of features [n][d]. */
export function moments(features) {
  const n = features.length;
  const data = new Matrix(features.map((feature) => Array.from(feature)));
  const mean = data.mean('column');
  data.subRowVector(mean);
  const covariance = data
    .transpose()
    .mmul(data)
    .div(Math.max(1, n - 1));
  return { count: n, mean, covariance };
}

/** One side of the comparison, kept with the root of its covariance: many sets meet one reference. */
export class FrechetReference {
  constructor({ mean, covariance }) {
    this.mean = mean;
    this.covariance = new Matrix(covariance);
    this.root = squareRoot(this.covariance);
  }

  /** @param other moments of another set, of the same width */
  distance({ mean, covariance }) {
    if (mean.length !== this.mean.length) {
      throw new Error(
        `Expected features of width ${this.mean.length} but received ${mean.length}: ` +
          'the statistics belong to another encoder',
      );
    }
    const other = new Matrix(covariance);
    const shift = this.mean.reduce((sum, value, i) => sum + (value - mean[i]) ** 2, 0);
    // A^1/2 B A^1/2 has the eigenvalues of AB and is symmetric, so that they are real.
    const product = this.root.mmul(other).mmul(this.root);
    const overlap = spectrum(product).values.reduce((sum, value) => sum + Math.sqrt(value), 0);
    return shift + this.covariance.trace() + other.trace() - 2 * overlap;
  }
}

function squareRoot(matrix) {
  const { values, vectors } = spectrum(matrix);
  const roots = Matrix.diag(values.map(Math.sqrt));
  return vectors.mmul(roots).mmul(vectors.transpose());
}

/** Rounding makes eigenvalues of a covariance that has less than full rank slightly negative. */
function spectrum(matrix) {
  const symmetric = Matrix.add(matrix, matrix.transpose()).div(2);
  const decomposition = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  return {
    values: decomposition.realEigenvalues.map((value) => Math.max(0, value)),
    vectors: decomposition.eigenvectorMatrix,
  };
}
