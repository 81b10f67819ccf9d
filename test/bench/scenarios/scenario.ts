import type { Dialog } from '../dialog.ts';
import type { Phone } from '../message.ts';

/** What a phone begins an exchange with. */
export interface Opening {
  readonly text: string;
  /** What comes after its 2xx before it is completed: nothing, the phone's ACK, that and a BYE, or the server's NOTIFY. */
  readonly completedBy: '2xx' | 'ACK' | 'BYE' | 'NOTIFY';
  /** The one that it is sent inside. */
  readonly dialog?: Dialog;
}

/** What phones send, one exchange after the other. */
export interface Scenario {
  /** `run` tells one run's from another's, which share a scenario. */
  open(number: number, run: string, phone: Phone): Opening;
  /** A 2xx has made this dialog, which no BYE of the load's ends. */
  established?(number: number, dialog: Dialog): void;
}
