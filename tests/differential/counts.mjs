// Counts by name, and how they are told.
export class Counts extends Map {
  add(name, by = 1) {
    this.set(name, this.of(name) + by);
  }

  of(name) {
    return this.get(name) ?? 0;
  }

  total() {
    return [...this.values()].reduce((sum, count) => sum + count, 0);
  }

  /** `12 of this, 3 of that`, the largest first. */
  toString() {
    const all = [...this].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    return all.map(([name, count]) => `${count} ${name}`).join(", ");
  }
}
