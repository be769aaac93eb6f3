namespace AuthMesh.Identity.Keys;

/// <summary>
/// Measures how long one announced key has waited for verifiers to acknowledge it. The wait for another key starts at zero. Otherwise a
/// replica that waited while another replica rotated would activate the next key at once, without any acknowledgement.
/// </summary>
internal sealed class VerifierWait(TimeProvider clock, TimeSpan ceiling)
{
    private (string KeyId, long Since)? current;

    public TimeSpan Elapsed => current is { } wait ? clock.GetElapsedTime(wait.Since) : TimeSpan.Zero;

    /// <summary>The key that has waited for the whole ceiling; null if none has.</summary>
    public string? Overdue => Elapsed >= ceiling ? current?.KeyId : null;

    /// <summary>Call it each time that the key has to wait.</summary>
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
