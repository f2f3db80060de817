// Browsers keep cookies by themselves.

/** The cookies of one Manager, where that is up to us. */
export const createJar = () => undefined;
