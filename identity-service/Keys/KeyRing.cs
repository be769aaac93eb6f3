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
/// The opened keys, in one immutable snapshot that a reload replaces as a whole. Signing and verifying take no lock and never see a partial
/// change. <see cref="StoredRing"/> creates the keys and <see cref="KeyRingSnapshot"/> holds the opened ones. This class serves them and
/// decides whether they may still sign.
/// </summary>
internal sealed partial class KeyRing(MasterKey masterKey, TimeProvider clock, ILogger<KeyRing> logger) : IDisposable
{
    // A retired key verifies for 70 minutes and a token lives for at most an hour, which leaves 10 minutes. A replica that has been out of
    // touch for longer might issue tokens that outlive their key.
    private static readonly TimeSpan LongestIgnorance = TimeSpan.FromMinutes(10);

    /// <summary>The operator's command that replaces every signing key at once.</summary>
    public const string EmergencyCommand = "rotate --emergency";

    private readonly SemaphoreSlim reloading = new(1, 1);
    private volatile KeyRingSnapshot? snapshot;
    private volatile FrozenSet<string> distrusted = FrozenSet<string>.Empty;
    private volatile TaskCompletionSource changed = NewSignal();
    private long confirmedAt;
    private string lastUnopened = "", lastDistrusted = ""; // already logged; each is logged once

    public bool IsOpen => snapshot is not null;

    /// <summary>Whether the ring has a signing key that verifiers trust.</summary>
    public bool CanSign => snapshot?.Credentials is { } credentials && MaySign(credentials);

    /// <exception cref="CannotSignException">The ring has no signing key, or verifiers would refuse its tokens.</exception>
    public SigningCredentials SigningCredentials => Current.Credentials is { } credentials && MaySign(credentials)
        ? credentials
        : throw new CannotSignException();

    public (string Id, byte[] Secret) CurrentPepper => Current.Peppers.Current;

    public (string Id, byte[] Secret) CurrentMacKey => Current.MacKeys.Current;

    public (string Id, byte[] Secret) CurrentSealKey => Current.SealKeys.Current;

    /// <summary>The ids (<c>kid</c>) of the signing keys that this replica opened.</summary>
    public IReadOnlyList<string> KeyIds => Current.SigningKeys.Keys;

    /// <summary>Sorted by <c>kid</c>, so that every replica publishes the same document.</summary>
    public IEnumerable<JwkResponse> PublicKeys =>
        Current.SigningKeys.Values.Select(key => key.Jwk).OrderBy(key => key.Kid, StringComparer.Ordinal);

    /// <summary>PostgreSQL's time, estimated from the last reading without a query.</summary>
    public DateTimeOffset DatabaseTime => Current.ReadAt + clock.GetElapsedTime(Current.ReadAtTimestamp);

    /// <summary>When the current key began to sign; null if the ring has none.</summary>
    public DateTimeOffset? SigningSince => Current.SigningSince;

    /// <summary>The earliest retirement among the stored signing keys; null if none is retired.</summary>
    public DateTimeOffset? OldestRetirement => Current.OldestRetirement;

    /// <summary>Completes at the next reload of the ring.</summary>
    public Task Changed => changed.Task;

    public byte[]? FindPepper(string id) => Current.Peppers.All.GetValueOrDefault(id);

    public byte[]? FindMacKey(string id) => Current.MacKeys.All.GetValueOrDefault(id);

    public byte[]? FindSealKey(string id) => Current.SealKeys.All.GetValueOrDefault(id);

    public ECDsaSecurityKey? FindSigningKey(string id) => Current.SigningKeys.GetValueOrDefault(id)?.Security;

    /// <summary>Whether the stored ring holds this key but this replica cannot open it.</summary>
    public bool IsSealed(string id) => Current.Unopened.Contains(id);

    private KeyRingSnapshot Current => snapshot ?? throw new InvalidOperationException("The key ring is not open yet.");

    /// <summary>Opens every stored key and creates any required key that is missing. Only one replica at a time does this.</summary>
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
    /// Loads changes that another replica or an operator's command made to the ring. If a key does not open, this replica keeps its earlier
    /// copy; that happens after a reseal under a master key that this replica lacks. Deleted keys are dropped.
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

    /// <summary>Records that this replica is up to date with the stored ring, up to a moment ago.</summary>
    public void Confirm() => Interlocked.Exchange(ref confirmedAt, clock.GetTimestamp());

    /// <summary>
    /// Marks keys that verifiers no longer trust. If the current key is among them, signing stops until an operator replaces the key.
    /// </summary>
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
        "This replica cannot open these keys of the ring: {KeyIds}. It continues with the keys that it opened before. Set "
        + "Identity:MasterKey to the master key of the other replicas and restart this one")]
    private partial void LogUnopened(string keyIds);

    [LoggerMessage(LogLevel.Critical,
        "The distrusted signing key {KeyId} is back in the ring, as after a restore from an older backup. Verifiers refuse its tokens, so "
        + "this replica issues none. Replace it: dotnet identity-service.dll " + EmergencyCommand)]
    private partial void LogDistrusted(string keyId);
}
