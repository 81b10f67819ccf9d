import type { MemberRole } from '../../proxy/store/records.ts';
import type { Dialog } from './dialog.ts';
import type { Host } from './network.ts';
import { ServerMember } from './server-member.ts';
import type { World } from './world.ts';

/** One leg of a call through the server. */
export interface Leg {
  readonly callId: string;
  dialog: Dialog | undefined;
}

export interface ServerCall {
  /** Towards who called, and towards who is called. */
  readonly a: Leg;
  readonly b: Leg;
  state: 'SetUp' | 'Answered' | 'Ended';
  /** The member that sets it up. */
  readonly by: ServerMember;
}

/** A primary and a backup that follow the same calls. The backup's port is closed until it is promoted. */
export class ServerPair {
  readonly name: string;
  readonly site: string;
  readonly world: World;
  readonly hosts: Readonly<Record<MemberRole, Host>>;
  readonly members = new Map<MemberRole, ServerMember>();
  readonly calls = new Map<string, ServerCall>();
  readonly transport: 'UDP' | 'TCP';
  /** How a backup that stands by shows it: a closed port, or an answer that is none. */
  readonly standby: 'Closed' | 'Answers503';
  /** When the set of those that serve last changed. */
  changedAt = 0;
  /** How often it has: twice at one time, where two faults end together. */
  changes = 0;
  #promotion = 0;

  constructor(world: World, name: string, site: string, primary: Host, backup: Host) {
    this.world = world;
    this.name = name;
    this.site = site;
    this.hosts = { primary, backup };
    this.transport = world.random.chance(0.3) ? 'TCP' : 'UDP';
    this.standby = world.random.chance(0.7) ? 'Closed' : 'Answers503';
    for (const role of ['primary', 'backup'] as const)
      this.members.set(role, new ServerMember(this, role, this.hosts[role]));
    this.serve('primary', true);
    this.serve('backup', false);
  }

  get serving(): readonly ServerMember[] {
    return [...this.members.values()].filter(
      (member) => member.serving && !member.closed && member.host.powered && !member.host.paused,
    );
  }

  /** Who sends what the pair has to say. */
  get speaker(): ServerMember | undefined {
    return this.serving[0];
  }

  serve(role: MemberRole, serving: boolean): void {
    const member = this.members.get(role);
    if (member === undefined || member.closed) return;
    member.serving = serving;
    if (serving || this.standby === 'Answers503') member.listen();
    else member.deafen();
    this.changed(`${role} ${serving ? 'serves' : 'stands by'}`);
  }

  /** The process of a member ends, with or without its machine. */
  kill(role: MemberRole, powerOff: boolean): void {
    const member = this.members.get(role);
    if (member === undefined) return;
    member.close();
    member.host.forget();
    member.host.powered = !powerOff;
    member.serving = false;
    this.#drop(member);
    this.changed(`${role} killed`);
    this.#promoteLater(other(role));
  }

  /** It comes back as a backup if the other one serves. */
  restart(role: MemberRole): void {
    const host = this.hosts[role];
    host.powered = true;
    host.forget();
    this.members.set(role, new ServerMember(this, role, host));
    this.serve(role, !this.members.get(other(role))?.serving);
  }

  pause(role: MemberRole): void {
    this.hosts[role].pause();
    this.changed(`${role} paused`);
    if (this.members.get(role)?.serving === true) this.#promoteLater(other(role));
  }

  /** It believes for a while that it still has its pair. */
  resume(role: MemberRole): void {
    this.hosts[role].resume();
    this.changed(`${role} resumed`);
    this.#settleLater(role);
  }

  /** Both serve, as when the members lose sight of each other. */
  split(): void {
    const stands = [...this.members.values()].find(
      (member) => !member.serving && !member.closed && !member.host.paused,
    );
    if (stands === undefined || this.serving.length !== 1) return;
    this.serve(stands.role, true);
    this.#settleLater(stands.role);
  }

  changed(what: string): void {
    const { clock, trace, monitor } = this.world;
    this.changedAt = clock.now;
    this.changes++;
    trace.note(this.hosts.primary, `${this.name}: ${what}`);
    monitor?.pairChanged(this);
  }

  forget(call: ServerCall): void {
    call.state = 'Ended';
    if (this.calls.get(call.a.callId) === call) this.calls.delete(call.a.callId);
    if (this.calls.get(call.b.callId) === call) this.calls.delete(call.b.callId);
  }

  #promoteLater(role: MemberRole): void {
    const promotion = ++this.#promotion;
    const { clock, random } = this.world;
    clock.after(random.between(300, 5000), () => {
      const member = this.members.get(role);
      const active = this.members.get(other(role));
      const otherServes = active?.serving === true && !active.closed && !active.host.paused;
      if (
        promotion !== this.#promotion ||
        member === undefined ||
        member.closed ||
        member.serving ||
        member.host.paused ||
        otherServes
      )
        return;
      for (const call of [...this.calls.values()]) if (call.by !== member && call.state === 'SetUp') this.forget(call);
      this.serve(role, true);
    });
  }

  /** Of two that serve, `role` gives way. */
  #settleLater(role: MemberRole): void {
    this.world.clock.after(this.world.random.between(1000, 8000), () => {
      const member = this.members.get(role);
      if (this.serving.length === 2 && member !== undefined) {
        this.#drop(member);
        this.serve(role, false);
      }
    });
  }

  /** Set-ups die with the member that made them. */
  #drop(member: ServerMember): void {
    for (const call of [...this.calls.values()]) if (call.by === member && call.state === 'SetUp') this.forget(call);
  }
}

function other(role: MemberRole): MemberRole {
  return role === 'primary' ? 'backup' : 'primary';
}
