using System.Text.Json;
using AuthMesh.Tokens;

namespace AuthMesh.Revocations;

/// <summary>
/// One kind of entry in the revocation log, and the feed event that carries it. <see cref="All"/> is the only list of kinds: the identity
/// service writes and sends entries by it, and verifiers apply entries by it.
/// </summary>
/// <remarks>
/// The list is closed. A verifier that receives an unknown kind is degraded from then on (<see cref="RevokedAccess.UnknownKinds"/>): it may
/// accept a revoked token. To add a kind, deploy every verifier first (gateway, resource services, a team's own), then the identity
/// service. While its replicas run different versions, the older ones pass the new kind on with the members <c>subject</c> and
/// <c>epoch</c>.
/// </remarks>
public sealed class RevocationKind
{
    /// <summary>A session ended.</summary>
    public const string SessionEnded = "session-ended";

    /// <summary>Tokens of one user with a smaller epoch are refused.</summary>
    public const string UserBelowEpoch = "user-below-epoch";

    /// <summary>Tokens of users that one application got with a smaller epoch of its own are refused.</summary>
    public const string ApplicationBelowEpoch = "application-below-epoch";

    /// <summary>Tokens that one key signed are refused.</summary>
    public const string KeyDistrusted = "key-distrusted";

    /// <summary>The set of keys changed: verifiers fetch it again. It revokes nothing.</summary>
    public const string KeysChanged = "keys-changed";

    private const string AnySubject = "subject"; // a replica uses these members for a kind that it does not know
    private const string EpochMember = "epoch";

    private readonly Func<string, bool> isSubject;

    private RevocationKind(
        string name, string? subjectMember, Func<string, bool> isSubject, bool hasEpoch, Action<RevokedAccess, string, long> learn)
    {
        (Name, SubjectMember, HasEpoch, Learn) = (name, subjectMember, hasEpoch, learn);
        this.isSubject = isSubject;
    }

    /// <summary>Every kind that the mesh knows.</summary>
    public static IReadOnlyList<RevocationKind> All { get; } =
    [
        new(SessionEnded, "sid", IsId, hasEpoch: false, static (revoked, session, _) => revoked.EndSession(Guid.Parse(session))),
        new(UserBelowEpoch, "sub", IsId, hasEpoch: true, static (revoked, user, epoch) => revoked.RaiseEpoch(Guid.Parse(user), epoch)),
        new(
            ApplicationBelowEpoch, "client_id", static id => id.Length > 0, hasEpoch: true,
            static (revoked, client, epoch) => revoked.RaiseClientEpoch(client, epoch)),
        new(KeyDistrusted, "kid", static id => id.Length > 0, hasEpoch: false, static (revoked, id, _) => revoked.Distrust(id)),
        new(KeysChanged, null, static _ => true, hasEpoch: false, static (_, _, _) => { }),
    ];

    /// <summary>The name in the log, and the event's type in the feed.</summary>
    public string Name { get; }

    /// <summary>The member of the feed's data that names the session, user, application or key; null if the kind names none.</summary>
    public string? SubjectMember { get; }

    /// <summary>Whether the data has a member <c>epoch</c>.</summary>
    public bool HasEpoch { get; }

    internal Action<RevokedAccess, string, long> Learn { get; }

    /// <summary>Finds a kind by its name.</summary>
    /// <returns>The kind, or null if this version does not know it.</returns>
    public static RevocationKind? Find(string name) => All.FirstOrDefault(kind => kind.Name == name);

    /// <summary>The feed's data for one entry.</summary>
    internal static string Describe(string name, string subject, long? epoch)
    {
        var kind = Find(name);
        var members = new List<string>();
        if ((kind is null ? AnySubject : kind.SubjectMember) is { } member)
        {
            members.Add($"\"{member}\":\"{JsonEncodedText.Encode(subject)}\"");
        }

        if ((kind is null || kind.HasEpoch) && epoch is { } number)
        {
            members.Add($"\"{EpochMember}\":{number}");
        }

        return "{" + string.Join(',', members) + "}";
    }

    /// <summary>Reads the feed's data.</summary>
    /// <exception cref="JsonException">A member is missing or has another form.</exception>
    internal (string Subject, long Epoch) Read(string data)
    {
        using var json = JsonDocument.Parse(data);
        var members = json.RootElement;
        var subject = SubjectMember is null ? "" : Text(SubjectMember) ?? Text(AnySubject) ?? throw Missing(SubjectMember);
        if (!isSubject(subject))
        {
            throw Missing(SubjectMember!);
        }

        return (subject, !HasEpoch ? 0 : Number(EpochMember) ?? throw Missing(EpochMember));

        string? Text(string name) => Member(name) is { } value ? AccessTokenClaim.ReadText(value) : null;
        long? Number(string name) =>
            Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;
        JsonElement? Member(string name) =>
            members.ValueKind == JsonValueKind.Object && members.TryGetProperty(name, out var value) ? value : null;
        JsonException Missing(string name) => new($"In a feed event {Name}, the member {name} is missing or malformed.");
    }

    private static bool IsId(string subject) => Guid.TryParse(subject, out _);
}
