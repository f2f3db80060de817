// Entries of a plain object that do not keep alive what they name, once it is out of use.

/** Sets `object[key]`. */
export function keepIn(object, key, value) {
  define(object, key, { value, writable: true });
}

/** The same, but undefined once nobody else holds the value. */
export function keepWeaklyIn(object, key, value) {
  const ref = new WeakRef(value);
  define(object, key, { get: () => ref.deref() });
}

const define = (object, key, how) => Object.defineProperty(object, key, { ...how, configurable: true, enumerable: true });
