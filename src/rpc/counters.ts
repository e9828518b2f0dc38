// What the wire counts, for metrics. Plain numbers that only grow, but for the two that say how
// many connections there are.

export interface WireCounters {
  incomingConnections: number;
  outgoingConnections: number;
  messagesSent: number;
  messagesReceived: number;
  /** Lost before they were written: not connected, or the queue was full. */
  messagesDropped: number;
  /** Read, but not meant for this node, from nobody, or without sense. */
  messagesIgnored: number;
  callsStarted: number;
  callsFailed: number;
  requestsServed: number;
  bytesSent: number;
  bytesReceived: number;
  /** Of either side, at the handshake. */
  refusals: number;
  /** Closed because too many had not introduced themselves. */
  strangersClosed: number;
  connectionsLost: number;
  certificateReloads: number;
}

export function newCounters(): WireCounters {
  return {
    incomingConnections: 0,
    outgoingConnections: 0,
    messagesSent: 0,
    messagesReceived: 0,
    messagesDropped: 0,
    messagesIgnored: 0,
    callsStarted: 0,
    callsFailed: 0,
    requestsServed: 0,
    bytesSent: 0,
    bytesReceived: 0,
    refusals: 0,
    strangersClosed: 0,
    connectionsLost: 0,
    certificateReloads: 0,
  };
}
