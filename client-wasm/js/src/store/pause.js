/** Node does not wait for it. */
export const pause = (time) => new Promise((over) => setTimeout(over, time).unref?.());
