// Entries of a plain object that do not keep alive what they name, once it is out of use.

/** Sets `object[key]`. */
export function keepIn(object, key, value) {
  Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
}

/** The same, but undefined once nobody else holds the value. */
export function keepWeaklyIn(object, key, value) {
  const ref = new WeakRef(value);
  Object.defineProperty(object, key, { get: () => ref.deref(), configurable: true, enumerable: true });
}
