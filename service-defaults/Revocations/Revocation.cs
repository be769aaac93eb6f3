namespace AuthMesh.Revocations;

/// <summary>What this process has just learned: one of a session, a user or an application with an epoch, or a key.</summary>
/// <param name="SessionId">The session that ended.</param>
/// <param name="UserId">The user whose tokens with a smaller epoch are refused.</param>
/// <param name="ClientId">The application whose tokens with a smaller epoch are refused.</param>
/// <param name="Epoch">The epoch of the user or the application.</param>
/// <param name="KeyId">The key that is distrusted.</param>
internal readonly record struct Revocation(
    Guid? SessionId = null, Guid? UserId = null, string? ClientId = null, long Epoch = 0, string? KeyId = null);
