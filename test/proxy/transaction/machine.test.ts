import { expect } from 'chai';
import { compile, Event, stay, step, type Table, to } from '../../../proxy/transaction/machine.ts';
import { MACHINES } from '../../tools/draw-machines.ts';

class Lamp {
  state = compile(LAMP);
  readonly done: string[] = [];

  ended(): void {
    this.done.push('ended');
  }
}

const LAMP: Table<'Off' | 'On' | 'Terminated', Lamp, string> = {
  Off: { success: to('On', (lamp, input) => lamp.done.push(`${input} in ${lamp.state.name}`)) },
  On: {
    request: stay((lamp) => lamp.done.push('again')),
    failure: to('Terminated', (lamp) => lamp.done.push('told')),
  },
  Terminated: {},
};

describe('a machine', () => {
  it('begins in its first state and runs the actions of a rule in the state that follows, with the input', () => {
    const lamp = new Lamp();
    expect(lamp.state.name).to.equal('Off');
    expect(step<Lamp, string>(lamp, Event.success, 'lit')).to.equal(true);
    expect(lamp.done).to.deep.equal(['lit in On']);
  });

  it('ignores an event without a rule in its state', () => {
    const lamp = new Lamp();
    expect(step<Lamp, string>(lamp, Event.request, undefined)).to.equal(false);
    expect(lamp.state.name).to.equal('Off');
    expect(lamp.done).to.deep.equal([]);
  });

  it('is ended before the user is told', () => {
    const lamp = new Lamp();
    step<Lamp, string>(lamp, Event.success, 'lit');
    step<Lamp, string>(lamp, Event.request, undefined);
    step<Lamp, string>(lamp, Event.failure, 'out');
    expect(lamp.done.slice(1)).to.deep.equal(['again', 'ended', 'told']);
  });
});

describe('the four machines', () => {
  for (const { title, table } of MACHINES) {
    const rules = Object.entries(table).flatMap(([state, events]) =>
      Object.entries(events).map(([event, rule]) => ({ state, event, rule })),
    );

    it(`${title}: every state is reached, and all but Terminated can be left`, () => {
      const [initial] = Object.keys(table);
      const entered = new Set(rules.filter(({ state, rule }) => rule.next !== state).map(({ rule }) => rule.next));
      const left = new Set(rules.filter(({ rule }) => rule.next !== undefined).map(({ state }) => state));
      for (const state of Object.keys(table)) {
        if (state !== initial) expect(entered, `reached: ${state}`).to.include(state);
        if (state !== 'Terminated') expect(left, `left: ${state}`).to.include(state);
      }
    });

    it(`${title}: the user is told last, since it may call back`, () => {
      for (const { state, event, rule } of rules) {
        const told = rule.actions.findIndex(({ name }) => name.startsWith('report'));
        if (told >= 0) expect(told, `${state} ${event}`).to.equal(rule.actions.length - 1);
      }
    });
  }
});
