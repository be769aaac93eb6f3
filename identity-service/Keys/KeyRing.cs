using System.Collections.Frozen;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Keys;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The opened keys, as one immutable snapshot that is replaced as a whole: signing and verifying take no lock and never see half a change.
/// <see cref="StoredRing"/> creates the keys, <see cref="KeyRingSnapshot"/> holds the opened ones; this class answers with them, and
/// decides whether they may still sign.
/// </summary>
internal sealed partial class KeyRing(MasterKey masterKey, TimeProvider clock, ILogger<KeyRing> logger) : IDisposable
{
    // A retired key verifies for 70 minutes, and a token lives for an hour at most: a replica that has not heard for longer which key
    // signs might make tokens that outlive their key.
    private static readonly TimeSpan LongestIgnorance = TimeSpan.FromMinutes(10);

    /// <summary>The operator's command that replaces every signing key at once.</summary>
    public const string EmergencyCommand = "rotate --emergency";

    private readonly SemaphoreSlim reloading = new(1, 1);
    private volatile KeyRingSnapshot? snapshot;
    private volatile FrozenSet<string> distrusted = FrozenSet<string>.Empty;
    private volatile TaskCompletionSource changed = NewSignal();
    private long confirmedAt;
    private string lastUnopened = "", lastDistrusted = ""; // what was complained of; once is enough

    public bool IsOpen => snapshot is not null;

    /// <summary>Whether there is a key to sign with that verifiers will trust.</summary>
    public bool CanSign => snapshot?.Credentials is { } credentials && MaySign(credentials);

    /// <exception cref="CannotSignException">There is no key to sign with, or verifiers would refuse what it signs.</exception>
    public SigningCredentials SigningCredentials => Current.Credentials is { } credentials && MaySign(credentials)
        ? credentials
        : throw new CannotSignException();

    public (string Id, byte[] Secret) CurrentPepper => Current.Peppers.Current;

    public (string Id, byte[] Secret) CurrentMacKey => Current.MacKeys.Current;

    /// <summary>The signing keys that this replica opened, as verifiers name them.</summary>
    public IReadOnlyList<string> KeyIds => Current.SigningKeys.Keys;

    /// <summary>In one order, so that every replica publishes the same document.</summary>
    public IEnumerable<JwkResponse> PublicKeys =>
        Current.SigningKeys.Values.Select(key => key.Jwk).OrderBy(key => key.Kid, StringComparer.Ordinal);

    /// <summary>What time it is for PostgreSQL, as far as that is known without asking.</summary>
    public DateTimeOffset DatabaseTime => Current.ReadAt + clock.GetElapsedTime(Current.ReadAtTimestamp);

    /// <summary>Since when the current key signs; null where the ring has none.</summary>
    public DateTimeOffset? SigningSince => Current.SigningSince;

    /// <summary>When the key retired that is retired for longest; null where there is none.</summary>
    public DateTimeOffset? OldestRetirement => Current.OldestRetirement;

    /// <summary>Ends when the ring is read again.</summary>
    public Task Changed => changed.Task;

    public byte[]? FindPepper(string id) => Current.Peppers.All.GetValueOrDefault(id);

    public byte[]? FindMacKey(string id) => Current.MacKeys.All.GetValueOrDefault(id);

    public ECDsaSecurityKey? FindSigningKey(string id) => Current.SigningKeys.GetValueOrDefault(id)?.Security;

    /// <summary>Whether the stored ring holds this key and this replica cannot open it.</summary>
    public bool IsSealed(string id) => Current.Unopened.Contains(id);

    private KeyRingSnapshot Current => snapshot ?? throw new InvalidOperationException("The key ring is not open yet.");

    /// <summary>Opens every stored key, and creates the keys that a ring must have. Only one replica at a time does this.</summary>
    /// <exception cref="StartRefusedException">The stored ring does not open or has lost keys: see <see cref="StoredRing"/>.</exception>
    public async Task OpenAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        var stored = await StoredRing.OpenOrCreateAsync(db, masterKey, cancellationToken);
        if (stored.Created.Count > 0)
        {
            LogGenerated(string.Join(", ", stored.Created.Select(key => $"{key.Purpose} {key.State} {key.Id}")));
        }

        Confirm();
        snapshot = new KeyRingSnapshot(stored.Keys, masterKey, null, stored.ReadAt, clock.GetTimestamp());
    }

    /// <summary>
    /// Takes over what another replica, or an operator's command, did to the ring. A key that does not open, for example since it was
    /// resealed under a master key that this replica was not given, stays what it was here; one that is gone is dropped.
    /// </summary>
    public async Task ReloadAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        await reloading.WaitAsync(cancellationToken); // an older reading must not replace a newer one
        try
        {
            var before = Current;
            var now = await DatabaseClock.ReadAsync(db, cancellationToken);
            var readAt = clock.GetTimestamp();
            var keys = await db.RingKeys.AsNoTracking().ToListAsync(cancellationToken);
            var after = new KeyRingSnapshot(keys, masterKey, before, now, readAt);
            snapshot = after;
            Interlocked.Exchange(ref changed, NewSignal()).SetResult();
            Tell(before, after);
        }
        finally
        {
            reloading.Release();
        }
    }

    /// <summary>Nothing that was done to the ring until a moment ago is missing here.</summary>
    public void Confirm() => Interlocked.Exchange(ref confirmedAt, clock.GetTimestamp());

    /// <summary>Verifiers trust these keys no more. Where the ring's own current key is among them, only an operator can help.</summary>
    public void Distrust(IReadOnlyCollection<string> keyIds)
    {
        distrusted = distrusted.Union(keyIds).ToFrozenSet();
        TellDistrusted(Current);
    }

    public void Dispose() => reloading.Dispose();

    private bool MaySign(SigningCredentials credentials) =>
        !distrusted.Contains(credentials.Key.KeyId) && clock.GetElapsedTime(Interlocked.Read(ref confirmedAt)) < LongestIgnorance;

    private void Tell(KeyRingSnapshot before, KeyRingSnapshot after)
    {
        var (signing, others) = (after.Credentials?.Key.KeyId, string.Join(' ', KeyIds));
        if (signing != before.Credentials?.Key.KeyId || !after.SigningKeys.Keys.ToHashSet().SetEquals(before.SigningKeys.Keys))
        {
            LogReloaded(others, signing ?? "none of them");
        }

        var unopened = string.Join(' ', after.Unopened.Order(StringComparer.Ordinal));
        if (unopened != lastUnopened)
        {
            lastUnopened = unopened;
            if (unopened.Length > 0)
            {
                LogUnopened(unopened);
            }
        }

        TellDistrusted(after);
    }

    private void TellDistrusted(KeyRingSnapshot now)
    {
        var signing = now.Credentials?.Key.KeyId is { } keyId && distrusted.Contains(keyId) ? keyId : "";
        if (signing != lastDistrusted)
        {
            lastDistrusted = signing;
            if (signing.Length > 0)
            {
                LogDistrusted(signing);
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(LogLevel.Information, "Generated keys: {Keys}")]
    private partial void LogGenerated(string keys);

    [LoggerMessage(LogLevel.Information, "The signing keys are now {KeyIds}; new tokens are signed by {Signing}")]
    private partial void LogReloaded(string keyIds, string signing);

    [LoggerMessage(LogLevel.Error,
        "Keys of the ring that this replica cannot open: {KeyIds}. It goes on with those that it opened before. Give it the master key "
        + "that the others have, Identity:MasterKey, and restart it")]
    private partial void LogUnopened(string keyIds);

    [LoggerMessage(LogLevel.Critical,
        "The signing key {KeyId} was distrusted and is in the ring again, as after a restore from an older copy: verifiers refuse what it "
        + "signs, so nothing is signed. Replace it: dotnet identity-service.dll " + EmergencyCommand)]
    private partial void LogDistrusted(string keyId);
}
