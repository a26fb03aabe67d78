/**
 * What native code may be given to work on. The getters are the language's own, called on the
 * array: a property of the same name on the array, another realm or a subclass changes nothing.
 */
import { types } from 'node:util';
import { unexpected } from '../errors';

const getter = (prototype: object, name: string): (() => unknown) | undefined =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get;

const bufferOf = getter(Object.getPrototypeOf(Uint8Array.prototype), 'buffer') as () => object;
// Node.js 20 has both; a runtime without them has no buffers that change their size.
const resizable = getter(ArrayBuffer.prototype, 'resizable');
const growable = getter(SharedArrayBuffer.prototype, 'growable');

const KINDS = {
  Float32Array: types.isFloat32Array,
  Int32Array: types.isInt32Array,
  Uint8Array: types.isUint8Array,
  Uint16Array: types.isUint16Array,
};
type Kinds = {
  Float32Array: Float32Array;
  Int32Array: Int32Array;
  Uint8Array: Uint8Array;
  Uint16Array: Uint16Array;
};

/**
 * A typed array of one of `kinds` over memory that stays where it is: no buffer that can be
 * resized, and for a worker thread none that other threads may write.
 * @throws {Sjd2Error} ERR_ARGUMENT
 */
export function nativeArray<K extends keyof Kinds>(
  name: string,
  value: unknown,
  asynchronous: boolean,
  ...kinds: K[]
): Kinds[K] {
  if (!kinds.some((kind) => KINDS[kind](value))) {
    const wanted = kinds.map((kind) => `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`);
    throw unexpected(name, wanted.join(' or '), value);
  }
  const array = value as Kinds[K];
  const buffer = bufferOf.call(array);
  const shared = types.isSharedArrayBuffer(buffer);
  if ((shared ? growable : resizable)?.call(buffer)) {
    throw unexpected(name, 'over memory of a fixed length', buffer);
  }
  if (shared && asynchronous) {
    throw unexpected(name, 'over memory that no other thread can write', buffer);
  }
  return array;
}
