import { Sjd2Error, shown } from './errors';
import type { Manifest } from './model/manifest-types';

/** The error of whoever asks a model without an image decoder for a picture. */
export function noPixels({ name, image }: Manifest): Sjd2Error {
  return new Sjd2Error(
    'ERR_MODEL',
    `The model ${name} has no image decoder, so there are tokens and no pixels: they are for ${shown(image.decodedBy ?? '')}`,
  );
}

/**
 * Gives a result a field for pixels that says who makes them to whoever reads it, and is nothing to those
 * who do not: it is not enumerable.
 */
export function lackingPixels<Result extends object, Field extends string>(
  result: Result,
  field: Field,
  manifest: Manifest,
): Result & Record<Field, never> {
  return Object.defineProperty(result, field, {
    get: () => {
      throw noPixels(manifest);
    },
  }) as Result & Record<Field, never>;
}
