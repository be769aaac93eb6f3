using System.Collections.Frozen;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>The ring at its last reading, with the keys that this replica can open.</summary>
internal sealed class KeyRingSnapshot
{
    /// <param name="rows">The stored ring.</param>
    /// <param name="masterKey">The key that opens it.</param>
    /// <param name="held">The previous snapshot, whose key objects are reused. Null for the first snapshot, in which every key
    /// opens.</param>
    /// <param name="readAt">When the rows were read, by PostgreSQL's clock.</param>
    /// <param name="readAtTimestamp">The same moment as a timestamp of the local clock.</param>
    public KeyRingSnapshot(List<RingKey> rows, MasterKey masterKey, KeyRingSnapshot? held, DateTimeOffset readAt, long readAtTimestamp)
    {
        var opened = rows.ToDictionary(row => row.Id, row => row.TryOpen(masterKey));
        Unopened = opened.Where(row => row.Value is null).Select(row => row.Key).ToFrozenSet();
        var signing = rows.FindAll(row => row.Purpose == RingKeyPurpose.Signing);
        var signingKeys = new Dictionary<string, SigningKey>();
        foreach (var row in signing)
        {
            if (held?.SigningKeys.GetValueOrDefault(row.Id) is { } known)
            {
                signingKeys[row.Id] = known;
            }
            else if (opened[row.Id] is { } pkcs8)
            {
                signingKeys[row.Id] = new SigningKey(pkcs8);
            }
        }

        SigningKeys = signingKeys.ToFrozenDictionary();
        var current = signing.Find(row => row.State == RingKeyState.Current);
        Credentials = current is not null && SigningKeys.TryGetValue(current.Id, out var key)
            ? new SigningCredentials(key.Security, SecurityAlgorithms.EcdsaSha256)
            : null;
        SigningSince = current?.ActivatedAt;
        OldestRetirement = signing.Min(row => row.RetiredAt);
        Peppers = RingSecrets.Of(rows.FindAll(row => row.Purpose == RingKeyPurpose.Pepper), opened, held?.Peppers);
        MacKeys = RingSecrets.Of(rows.FindAll(row => row.Purpose == RingKeyPurpose.Mac), opened, held?.MacKeys);
        SealKeys = RingSecrets.Of(rows.FindAll(row => row.Purpose == RingKeyPurpose.Seal), opened, held?.SealKeys);
        (ReadAt, ReadAtTimestamp) = (readAt, readAtTimestamp);
    }

    public FrozenDictionary<string, SigningKey> SigningKeys { get; }

    /// <summary>Null if this replica does not have the current key.</summary>
    public SigningCredentials? Credentials { get; }

    public DateTimeOffset? SigningSince { get; }

    public DateTimeOffset? OldestRetirement { get; }

    public RingSecrets Peppers { get; }

    public RingSecrets MacKeys { get; }

    public RingSecrets SealKeys { get; }

    public FrozenSet<string> Unopened { get; }

    public DateTimeOffset ReadAt { get; }

    public long ReadAtTimestamp { get; }
}

/// <summary>The symmetric keys of one purpose: the current key for new data, and all keys that older data may use.</summary>
internal sealed record RingSecrets((string Id, byte[] Secret) Current, FrozenDictionary<string, byte[]> All)
{
    public static RingSecrets Of(List<RingKey> rows, Dictionary<string, byte[]?> opened, RingSecrets? held)
    {
        var all = rows
            .Select(row => KeyValuePair.Create(row.Id, opened[row.Id] ?? held?.All.GetValueOrDefault(row.Id)))
            .Where(key => key.Value is not null)
            .ToFrozenDictionary(key => key.Key, key => key.Value!);
        return rows.Find(row => row.State == RingKeyState.Current) is { } current && all.TryGetValue(current.Id, out var secret)
            ? new RingSecrets((current.Id, secret), all)
            : held!; // the table lost rows: this replica may hold the last copy of their keys
    }
}
