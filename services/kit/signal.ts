// A loop's bell: whoever has work for the loop rings, and the loop waits for that, or for a time.

export type Signal = {
  wake(): void;
  /** True when woken, false after `ms`. A wake while nobody waits is kept. */
  wait(ms: number): Promise<boolean>;
};

export function openSignal(): Signal {
  let woken = false;
  let end: ((byWake: boolean) => void) | undefined;
  return {
    wake: () => {
      woken = true;
      end?.(true);
    },
    wait: (ms) =>
      new Promise((resolve) => {
        const done = (byWake: boolean) => {
          clearTimeout(timer);
          end = undefined;
          woken = false;
          resolve(byWake);
        };
        const timer = setTimeout(done, ms, false);
        if (woken) done(true);
        else end = done;
      }),
  };
}
