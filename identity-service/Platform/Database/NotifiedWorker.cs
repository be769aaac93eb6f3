namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// A worker that PostgreSQL wakes on every replica, when a trigger sends NOTIFY. The module Revocations listens, because it holds a
/// connection for that. It also wakes the worker when it begins to listen: notifications may have been lost before.
/// </summary>
/// <param name="Channel">The channel of NOTIFY.</param>
/// <param name="Wake">Wakes the worker of this replica.</param>
internal sealed record NotifiedWorker(string Channel, Action Wake);
