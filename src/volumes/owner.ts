// Whom files belong to.

export interface Owner {
  uid: number;
  gid: number;
}
