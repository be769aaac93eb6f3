using System.CommandLine;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AuthMesh.Revocations;
using AuthMesh.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Bench.Tokens;

/// <summary>
/// Sends changed tokens to a verifier with a cache and to one without, which must agree. The cache holds the valid original of each changed
/// token, and each is sent twice, so the second time reveals a token that was cached by mistake. The short path, which finds a cached token
/// by the text of a header, is asked before and afterwards.
/// </summary>
internal sealed class Differential : IDisposable
{
    private const string KeyId = "the issuer's key";
    private const string Accepted = "accepted ";
    private const int TurnsPerToken = 5_000; // then new tokens follow, with other signatures and ids

    private static readonly string[] ClaimNames = [.. AccessTokenClaims.All.Select(claim => claim.Name), "tenant", "SUB", "actort"];

    // Null removes the member.
    private static readonly string?[] Values =
    [
        null, "null", "\"\"", "0", "1", "-1", "0.5", "1e3", "1e400", "4000000000", "99999999999999999999", "true",
        "[]", "[1,\"a\",{\"b\":null}]", "{\"a\":[1]}", "\"\\ud800\"", "\"admin\"", "\"authmesh\"", "\"2026-01-01T00:00:00.0000000Z\"",
        "\"00000000-0000-0000-0000-000000000000\"", "\"ABCDEF00-0000-0000-0000-000000000000\"",
        "\"{00000000-0000-0000-0000-000000000000}\"",
    ];

    private readonly Random random;
    private readonly Clock clock = new();
    private readonly Verifier remembering;
    private readonly Verifier forgetful;
    private readonly Mint mint = new(KeyId);
    private readonly Mint stranger = new(KeyId);
    private readonly ECDsaSecurityKey issuersKey;
    private readonly List<Trial> trials = [];
    private string token = "";
    private string other = "";
    private bool isRevoked; // permanent for the current token

    private Differential(int seed)
    {
        random = new Random(seed);
        (remembering, forgetful) = (new Verifier(clock), new Verifier(clock, verifiedTokens: 0));
        issuersKey = new ECDsaSecurityKey(mint.Key) { KeyId = KeyId };

        trials.AddRange(Mutations.All.Select(mutation => new Trial(mutation.Kind, () => mutation.Make(token, other, random))));
        trials.Add(new("a claim changed, then signed", () => mint.Sign(mint.Header, Changed(Claims(), ClaimNames))));
        trials.Add(
            new("a header changed, then signed", () => mint.Sign(Changed(mint.Header, ["alg", "kid", "typ", "crit", "jku"]), Claims())));
        trials.Add(new("signed by a stranger", () => stranger.Sign(mint.Header, Claims())));
        trials.Add(new("unchanged, at another time", () => token, () => clock.Offset = AnyTime()));
        trials.Add(
            new("unchanged, its session ended", () => token, () => Revoke((revoked, claims) => revoked.EndSession(Id(claims, "sid")))));
        trials.Add(
            new("unchanged, its epoch over", () => token, () => Revoke((revoked, claims) => revoked.RaiseEpoch(Id(claims, "sub"), 1))));
        trials.Add(new("unchanged, its key withdrawn", () => token, () => Hold(null)));
        trials.Add(new("unchanged, its key replaced", () => token, () => Hold(new ECDsaSecurityKey(stranger.Key) { KeyId = KeyId })));
    }

    public DifferentialReport Report { get; } = new();

    public static Command Define()
    {
        var count = new Option<long>("--count") { Description = "Number of tokens to send", DefaultValueFactory = _ => 1_000_000 };
        var seed = new Option<int?>("--seed") { Description = "Repeats the changes of an earlier run, on new tokens" };
        var command = new Command("differential", "Checks that the cache of verified tokens changes no verdict") { count, seed };
        command.SetAction(async parsed =>
        {
            var report = await RunAsync(parsed.GetValue(count), parsed.GetValue(seed) ?? RandomNumberGenerator.GetInt32(int.MaxValue));
            report.Print(Console.Out);
            return report.IsSound ? 0 : 1;
        });
        return command;
    }

    public static async Task<DifferentialReport> RunAsync(long count, int seed)
    {
        var workers = Environment.ProcessorCount;
        var reports = await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            using var run = new Differential(seed + worker);
            for (var turn = count * worker / workers; turn < count * (worker + 1) / workers; turn++)
            {
                await run.TryAsync(turn);
            }

            return run.Report;
        })));
        return DifferentialReport.Merge(seed, reports);
    }

    public void Dispose()
    {
        remembering.Dispose();
        forgetful.Dispose();
        mint.Dispose();
        stranger.Dispose();
    }

    /// <summary>Every second turn replaces one character, position by position, because most changes amount to that.</summary>
    private async Task TryAsync(long turn)
    {
        clock.Offset = TimeSpan.Zero;
        Hold(issuersKey);
        if (isRevoked || token.Length == 0 || turn % TurnsPerToken == 0)
        {
            (token, other) = (mint.Sign(mint.Header, Claims()), mint.Sign(mint.Header, Claims()));
            isRevoked = false;
        }

        var good = await remembering.ValidateAsync(token);
        if (!good.IsValid)
        {
            throw new InvalidOperationException("The valid token is refused: " + good.Exception?.Message);
        }

        var trial = turn % 2 == 0
            ? new Trial("a character replaced", () => Mutations.Replace(token, turn / 2))
            : trials[(int)(turn / 2 % trials.Count)];
        trial.ChangeTheWorld?.Invoke();
        await CompareAsync(trial.Kind, trial.Make());
    }

    private void Revoke(Action<RevokedAccess, JsonWebToken> revoke)
    {
        isRevoked = true;
        foreach (var verifier in new[] { remembering, forgetful })
        {
            revoke(verifier.Revoked, new JsonWebToken(token));
        }
    }

    private static Guid Id(JsonWebToken token, string claim) => Guid.Parse(token.GetClaim(claim).Value);

    private async Task CompareAsync(string kind, string text)
    {
        // The framework trims the token in a header, so the short path does too.
        var inHeader = text.Trim();
        var anewInHeader = await JudgeAsync(forgetful, inHeader);
        var early = JudgeShortly(text);
        var anew = inHeader == text ? anewInHeader : await JudgeAsync(forgetful, text);
        var first = await JudgeAsync(remembering, text);
        var keysAskedFor = remembering.KeysAskedFor;
        var second = await JudgeAsync(remembering, text);
        await JudgeAsync(remembering, inHeader); // caches it if it is good
        var late = JudgeShortly(text);

        var isAccepted = anew.StartsWith(Accepted, StringComparison.Ordinal);
        var isFromMemory = isAccepted && remembering.KeysAskedFor == keysAskedFor;
        // An accepted token must have the claims that the library itself reads from it.
        var saysWhatItSays = !isAccepted || anew == Accepted + List(new JsonWebToken(text).Claims);
        // The short path finds exactly the good tokens, and before they are cached maybe none.
        var good = anewInHeader.StartsWith(Accepted, StringComparison.Ordinal) ? anewInHeader : null;
        var isShortRight = late == good && (early is null || early == good);
        var isRight = first == anew && second == anew && saysWhatItSays && isShortRight;
        var disagreement = isRight ? null
            : $"{kind}: {text}\n  anew:  {anew}\n  first: {first}\n  again: {second}\n  short: {early}; {late}; {anewInHeader}";
        Report.Count(kind, isAccepted, isFromMemory, disagreement);
    }

    private static async Task<string> JudgeAsync(Verifier verifier, string text)
    {
        var result = await verifier.ValidateAsync(text);
        return result.IsValid ? Accepted + List(result.ClaimsIdentity.Claims) : "refused " + ((TokenRefusal)result.Exception).Failure.Code;
    }

    private string? JudgeShortly(string text) =>
        remembering.FindValid("Bearer " + text) is { } found ? Accepted + List(found.CreateIdentity().Claims) : null;

    // Ignores value types, because the library treats any text that looks like a date as one.
    private static string List(IEnumerable<Claim> claims) =>
        string.Join(' ', claims.Select(claim => $"{claim.Type}={claim.Value} by {claim.Issuer}").Order(StringComparer.Ordinal));

    private string Claims() => Mint.Claims(clock.GetUtcNow()).ToJsonString();

    private string Changed(string json, string[] names)
    {
        var (name, value) = (names[random.Next(names.Length)], Values[random.Next(Values.Length)]);
        var members = JsonNode.Parse(json)!.AsObject();
        members[name] = "PLACEHOLDER";
        if (value is null)
        {
            members.Remove(name);
        }

        return members.ToJsonString().Replace("\"PLACEHOLDER\"", value, StringComparison.Ordinal); // no JSON writer writes such values
    }

    /// <summary>Returns a time near a moment at which the verdict changes, or any time.</summary>
    private TimeSpan AnyTime()
    {
        int[] turningPoints = [-30, 0, 1_800, 1_830]; // with the skew
        return random.Next(2) == 0
            ? TimeSpan.FromSeconds(random.Next(-7_200, 7_200))
            : TimeSpan.FromSeconds(turningPoints[random.Next(turningPoints.Length)]) + TimeSpan.FromMilliseconds(random.Next(-2, 3));
    }

    private void Hold(ECDsaSecurityKey? key)
    {
        remembering.Hold(KeyId, key);
        forgetful.Hold(KeyId, key);
    }

    /// <summary>A changed token, with an optional change of the environment after the original was cached.</summary>
    private sealed record Trial(string Kind, Func<string> Make, Action? ChangeTheWorld = null);

    private sealed class Clock : TimeProvider
    {
        private readonly DateTimeOffset start = DateTimeOffset.FromUnixTimeSeconds(System.GetUtcNow().ToUnixTimeSeconds());

        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => start + Offset;
    }
}
