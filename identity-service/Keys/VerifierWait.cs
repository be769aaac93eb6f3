namespace AuthMesh.Identity.Keys;

/// <summary>
/// How long one announced key has waited for verifiers that do not say that they hold it. A wait for another key starts at zero: a replica
/// that waited while another one rotated must not take its old wait for a wait for the next key.
/// </summary>
internal sealed class VerifierWait(TimeProvider clock, TimeSpan ceiling)
{
    private (string KeyId, long Since)? current;

    public TimeSpan Elapsed => current is { } wait ? clock.GetElapsedTime(wait.Since) : TimeSpan.Zero;

    /// <summary>The key that has waited for the whole ceiling; null where none has.</summary>
    public string? Overdue => Elapsed >= ceiling ? current?.KeyId : null;

    /// <summary>The key has to wait, or to wait longer.</summary>
    /// <returns>Whether this begins a new wait.</returns>
    public bool Continue(string keyId)
    {
        if (current?.KeyId == keyId)
        {
            return false;
        }

        current = (keyId, clock.GetTimestamp());
        return true;
    }
}
