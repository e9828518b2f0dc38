// Asks replicas the same question until enough have answered: so many at first as are needed and a
// few more if wanted, another one for each that cannot answer, and one more when it takes long.
// An answer that every replica would give, such as a refusal, ends it at once.

import type { PeerId } from '../base/ids.ts';
import type { TimerHandle, Timers } from '../io/ports.ts';
import { RequestError } from '../model/request-error.ts';
import { isTransient, readFailure } from './replica-set.ts';

export interface AskPlan {
  /** In the order in which they are asked. */
  readonly peers: readonly PeerId[];
  readonly required: number;
  /** So many more than required are asked at once. */
  readonly extraCount: number;
  /** After so long one more is asked. */
  readonly hedgeMs: number;
}

/** `required` answers in the order in which they came. */
export function askReplicas<Answer>(
  plan: AskPlan,
  ask: (peerId: PeerId) => Promise<Answer>,
  timers: Timers,
): Promise<readonly Answer[]> {
  return new Promise((resolve, reject) => {
    const { peers, required } = plan;
    const answers: Answer[] = [];
    const failures: RequestError[] = [];
    let nextAt = 0;
    let isOver = false;
    let timer: TimerHandle | null = null;
    const end = (action: () => void): void => {
      isOver = true;
      if (timer !== null) timers.clear(timer);
      action();
    };
    const succeed = (answer: Answer): void => {
      if (isOver) return;
      answers.push(answer);
      if (answers.length === required) end(() => resolve(answers));
    };
    const fail = (error: Error): void => {
      if (isOver) return;
      if (!(error instanceof RequestError) || !isTransient(error.code)) {
        end(() => reject(error));
        return;
      }
      failures.push(error);
      askNext();
      if (peers.length - failures.length >= required) return;
      end(() => reject(new RequestError('internal', readFailure(failures, nextAt))));
    };
    const askNext = (): void => {
      const peerId = peers[nextAt];
      if (peerId === undefined || isOver) return;
      nextAt += 1;
      // A question that fails at once is a failed answer, too.
      new Promise<Answer>((answered) => answered(ask(peerId))).then(succeed, fail);
    };
    for (let left = required + plan.extraCount; left > 0; left -= 1) askNext();
    if (nextAt < peers.length) timer = timers.setTimeout(askNext, plan.hedgeMs);
  });
}
