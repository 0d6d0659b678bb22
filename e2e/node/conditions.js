// How long a test waits for what must happen, in ms.
export const PATIENCE = 90_000;

// eventually looks at a condition until it holds. A page draws what it knows some 30 ms later.
export async function eventually(what, condition) {
  for (const end = Date.now() + PATIENCE; !(await condition()); await new Promise((r) => setTimeout(r, 50))) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
  }
}

// Conditions are waited for: they are looked at again whenever something has changed.
export class Conditions {
  #waiting = new Set(); // functions that look at a condition

  changed() {
    for (const check of this.#waiting) check();
  }

  // until waits for a condition, at most timeout ms. It reports whether it holds.
  until(condition, timeout) {
    return new Promise((resolve) => {
      const end = (holds) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(holds);
      };
      const check = () => condition() && end(true);
      const timer = setTimeout(() => end(condition()), timeout);
      this.#waiting.add(check);
      check();
    });
  }
}
