using System.Text.Json;
using AuthMesh.Access;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// The column <c>sessions.methods</c>: each method that the session's user proved, with the time of its newest proof in whole seconds by
/// PostgreSQL's clock, such as <c>{"pwd": 1795411672}</c>.
/// </summary>
internal static class ProvedMethods
{
    public const string Password = "pwd", Totp = "otp", RecoveryCode = "recovery", Passkey = "passkey";

    /// <summary>The statement's time, as the column stores it.</summary>
    public const string Now = "floor(extract(epoch FROM now()))::bigint";

    /// <summary>The time of the session's newest proof, for a statement with a session <c>s</c>.</summary>
    public const string NewestProof = "(SELECT to_timestamp(max(value::bigint)) FROM jsonb_each_text(s.methods))";

    /// <summary>How long ago the owner may have proved who they are, for changes to how one gets into the account.</summary>
    public static readonly TimeSpan LongestAge = TimeSpan.FromMinutes(10);

    private const string Recent = $"{Now} - 600"; // LongestAge

    /// <summary>
    /// The condition that a session <c>s</c> proved its user <c>u</c> within <see cref="LongestAge"/>, with two factors if the account
    /// demands two. Then both proofs lie within that time.
    /// </summary>
    public const string IsRecent =
        $"""
        (CASE WHEN u.two_step
            THEN COALESCE((s.methods->>'{Passkey}')::bigint > {Recent}, false)
                OR COALESCE((s.methods->>'{Password}')::bigint > {Recent}, false)
                    AND COALESCE(greatest((s.methods->>'{Totp}')::bigint, (s.methods->>'{RecoveryCode}')::bigint) > {Recent}, false)
            ELSE COALESCE((SELECT max(value::bigint) FROM jsonb_each_text(s.methods)) > {Recent}, false) END)
        """;

    // As long as a sign-in may take between its first and its second factor.
    private const long TogetherSeconds = 600;

    private enum Factor
    {
        Knowledge,
        Possession,

        // The device demands a PIN or a fingerprint before its key signs.
        Both,
    }

    private static readonly Dictionary<string, (Factor Factor, string Word)> Known = new()
    {
        [Password] = (Factor.Knowledge, "pwd"),
        [Totp] = (Factor.Possession, "otp"),
        [RecoveryCode] = (Factor.Possession, "otp"),
        [Passkey] = (Factor.Both, "pop"),
    };

    /// <summary>
    /// Reads the column. Only proofs of the ten minutes up to the newest one count: two different factors among them are
    /// <see cref="Assurance.TwoFactors"/>. A password of last week and a code of today are not. A method that only a newer replica knows
    /// counts as no factor.
    /// </summary>
    public static SignInProof Read(string methods)
    {
        using var json = JsonDocument.Parse(methods);
        var proved = json.RootElement.EnumerateObject().Select(method => (method.Name, Time: method.Value.GetInt64())).ToList();
        var newest = proved.Select(proof => proof.Time).DefaultIfEmpty().Max();
        var together = proved.Where(proof => proof.Time >= newest - TogetherSeconds && Known.ContainsKey(proof.Name))
            .Select(proof => Known[proof.Name]).ToList();
        var hasTwo = together.Exists(method => method.Factor == Factor.Both)
            || together.Select(method => method.Factor).Distinct().Count() > 1;
        IEnumerable<string> words = together.Select(method => method.Word).Distinct().Order(StringComparer.Ordinal);
        return new SignInProof(
            DateTimeOffset.FromUnixTimeSeconds(newest), hasTwo ? Assurance.TwoFactors : Assurance.OneFactor,
            [.. words, .. hasTwo ? (string[])["mfa"] : []]);
    }
}
