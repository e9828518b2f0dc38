// How often what was done to a cluster: a check that never saw its fault proves nothing.

export interface Faults {
  lost: number;
  doubled: number;
  strayed: number;
  cutOff: number;
  splits: number;
  oneWayCuts: number;
  kills: number;
  powerLosses: number;
  gracefulStops: number;
  pauses: number;
  wallJumps: number;
  slowDisks: number;
  failedSyncs: number;
  tornWrites: number;
  flippedBytes: number;
  joins: number;
  joinsFailed: number;
  removals: number;
  leaderRemovals: number;
  uriChanges: number;
  wipes: number;
  refreshes: number;
  proposals: number;
  acknowledged: number;
  snapshots: number;
  elections: number;
}

export function noFaults(): Faults {
  return {
    lost: 0,
    doubled: 0,
    strayed: 0,
    cutOff: 0,
    splits: 0,
    oneWayCuts: 0,
    kills: 0,
    powerLosses: 0,
    gracefulStops: 0,
    pauses: 0,
    wallJumps: 0,
    slowDisks: 0,
    failedSyncs: 0,
    tornWrites: 0,
    flippedBytes: 0,
    joins: 0,
    joinsFailed: 0,
    removals: 0,
    leaderRemovals: 0,
    uriChanges: 0,
    wipes: 0,
    refreshes: 0,
    proposals: 0,
    acknowledged: 0,
    snapshots: 0,
    elections: 0,
  };
}
