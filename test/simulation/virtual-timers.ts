import type { Appointment, Clock } from './clock.ts';

/** Where code of the proxies pauses by Node's own timers, it pauses on the world's clock for a while. @returns what ends it */
export function withVirtualTimers(clock: Clock): () => void {
  const { setTimeout, clearTimeout, setImmediate } = globalThis;
  Object.assign(globalThis, {
    setTimeout: (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): VirtualTimer =>
      new VirtualTimer(clock.after(ms, () => run(...given))),
    clearTimeout: (timer: unknown): void => {
      if (timer instanceof VirtualTimer) timer.clear();
    },
    setImmediate: (run: (...given: unknown[]) => void, ...given: unknown[]): VirtualTimer =>
      new VirtualTimer(clock.after(0, () => run(...given))),
  });
  return () => void Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate });
}

class VirtualTimer {
  readonly #appointment: Appointment;

  constructor(appointment: Appointment) {
    this.#appointment = appointment;
  }

  clear(): void {
    this.#appointment.run = undefined;
  }

  unref(): this {
    return this;
  }
}
