using System.Collections.Frozen;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Tokens;
using AuthMesh.Keys;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The opened keys, as one immutable picture that is replaced whole: whoever signs or verifies takes no lock and never sees half a
/// change.
/// </summary>
internal sealed partial class KeyRing(MasterKey masterKey, TimeProvider clock, ILogger<KeyRing> logger) : IVerificationKeys
{
    private volatile Picture? picture;

    public bool IsReady => picture is not null;

    public SigningCredentials SigningCredentials => Current.Credentials;

    public (string Id, byte[] Secret) CurrentPepper => Current.Peppers.Current;

    public (string Id, byte[] Secret) CurrentRefreshTokenKey => Current.RefreshTokenKeys.Current;

    /// <summary>The signing keys, as verifiers name them.</summary>
    public IReadOnlyList<string> KeyIds => Current.SigningKeys.Keys;

    /// <summary>In one order, so that every replica publishes the same document.</summary>
    public IEnumerable<JwkResponse> PublicKeys => Current.SigningKeys.Values.Select(key => key.Jwk).OrderBy(key => key.Kid, StringComparer.Ordinal);

    public byte[]? FindPepper(string id) => Current.Peppers.All.GetValueOrDefault(id);

    public byte[]? FindRefreshTokenKey(string id) => Current.RefreshTokenKeys.All.GetValueOrDefault(id);

    public ECDsaSecurityKey? Find(string keyId) => Current.SigningKeys.GetValueOrDefault(keyId)?.Security;

    public ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(new KeyLookup(Find(keyId)));

    private Picture Current => picture ?? throw new InvalidOperationException("The key ring is not open yet.");

    /// <summary>Opens every stored key, and makes those that a ring must have where there are none. One replica at a time.</summary>
    /// <exception cref="StartRefusedException">
    /// The master key is not the one that the ring was sealed with, or the ring is gone while users are there. Nothing was generated:
    /// beside what cannot be opened, new keys would sign tokens and hash passwords that no other replica understands.
    /// </exception>
    public async Task OpenAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        var keys = await db.RingKeys.ToListAsync(cancellationToken);
        if (keys.Find(key => key.TryOpen(masterKey) is null) is { } unopened)
        {
            throw new StartRefusedException(
                $"The master key does not open the stored key ring (key {unopened.Id}). Nothing was changed. Start with the master key "
                + "that this database was first started with: Identity:MasterKey or Identity:MasterKeyFile.");
        }

        if (Missing(keys) is { Count: > 0 } missing)
        {
            if (missing.Exists(key => key.Purpose == RingKeyPurpose.Pepper) && await db.Users.AnyAsync(cancellationToken))
            {
                throw new StartRefusedException(
                    "There are users but no pepper to check their passwords with: the table ring_keys has lost rows. Nothing was changed. "
                    + "Restore it from the backup that the users come from.");
            }

            db.RingKeys.AddRange(missing);
            await db.SaveChangesAsync(cancellationToken);
            keys.AddRange(missing);
            LogGenerated(string.Join(", ", missing.Select(key => $"{key.Purpose} {key.State} {key.Id}")));
        }

        picture = new Picture(keys, masterKey);
    }

    /// <summary>Takes over what another replica, or an operator's command, did to the ring.</summary>
    public async Task ReloadAsync(IdentityDb db, CancellationToken cancellationToken)
    {
        var keys = await db.RingKeys.AsNoTracking().ToListAsync(cancellationToken);
        picture = new Picture(keys, masterKey);
        LogReloaded(string.Join(' ', KeyIds));
    }

    private List<RingKey> Missing(List<RingKey> keys)
    {
        var now = clock.GetUtcNow();
        var missing = new List<RingKey>();
        bool Has(RingKeyPurpose purpose, RingKeyState state) => keys.Exists(key => key.Purpose == purpose && key.State == state);

        if (!Has(RingKeyPurpose.Signing, RingKeyState.Current))
        {
            missing.Add(RingKey.CreateSigningPair(masterKey, RingKeyState.Current, now));
        }

        // One is always announced ahead, so that verifiers know it long before it signs.
        if (!Has(RingKeyPurpose.Signing, RingKeyState.Announced))
        {
            missing.Add(RingKey.CreateSigningPair(masterKey, RingKeyState.Announced, now));
        }

        if (!Has(RingKeyPurpose.Pepper, RingKeyState.Current))
        {
            missing.Add(RingKey.CreatePepper(masterKey, now));
        }

        if (!Has(RingKeyPurpose.RefreshToken, RingKeyState.Current))
        {
            missing.Add(RingKey.CreateRefreshTokenKey(masterKey, now));
        }

        return missing;
    }

    [LoggerMessage(LogLevel.Information, "Generated keys: {Keys}")]
    private partial void LogGenerated(string keys);

    [LoggerMessage(LogLevel.Information, "The signing keys are now {KeyIds}")]
    private partial void LogReloaded(string keyIds);

    private sealed class Picture
    {
        public Picture(List<RingKey> keys, MasterKey masterKey)
        {
            SigningKeys = keys.Where(key => key.Purpose == RingKeyPurpose.Signing)
                .ToFrozenDictionary(key => key.Id, key => new SigningKey(key.State, key.TryOpen(masterKey)!));
            Credentials = new SigningCredentials(
                SigningKeys.Values.Single(key => key.State == RingKeyState.Current).Security, SecurityAlgorithms.EcdsaSha256);
            Peppers = Secrets.Open(keys, RingKeyPurpose.Pepper, masterKey);
            RefreshTokenKeys = Secrets.Open(keys, RingKeyPurpose.RefreshToken, masterKey);
        }

        public FrozenDictionary<string, SigningKey> SigningKeys { get; }

        public SigningCredentials Credentials { get; }

        public Secrets Peppers { get; }

        public Secrets RefreshTokenKeys { get; }
    }

    /// <summary>The symmetric keys of one purpose: one that is used for what is new, all that may have been used before.</summary>
    private sealed record Secrets((string Id, byte[] Secret) Current, FrozenDictionary<string, byte[]> All)
    {
        public static Secrets Open(List<RingKey> keys, RingKeyPurpose purpose, MasterKey masterKey)
        {
            var all = keys.Where(key => key.Purpose == purpose).ToFrozenDictionary(key => key.Id, key => key.TryOpen(masterKey)!);
            var current = keys.Single(key => key.Purpose == purpose && key.State == RingKeyState.Current).Id;
            return new Secrets((current, all[current]), all);
        }
    }
}

internal static class KeyRingServices
{
    public static IServiceCollection AddKeyRing(this IServiceCollection services) => services
        .AddSingleton(provider => MasterKey.Read(provider.GetRequiredService<IOptions<IdentityOptions>>().Value))
        .AddSingleton<KeyRing>()
        .AddSingleton<IVerificationKeys>(provider => provider.GetRequiredService<KeyRing>());
}
