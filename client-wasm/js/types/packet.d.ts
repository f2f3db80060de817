/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: PacketType;
  /** The namespace. */
  nsp: string;
  data?: any;
  /** The number of the acknowledgement that the sender waits for, or that this is. */
  id?: number;
  attachments?: number;
}

export enum PacketType {
  CONNECT = 0,
  DISCONNECT = 1,
  EVENT = 2,
  ACK = 3,
  CONNECT_ERROR = 4,
  BINARY_EVENT = 5,
  BINARY_ACK = 6,
}

/** The revision of the Socket.IO protocol that is spoken: 5. */
export const protocol: number;
