using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Bench.Comparison;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Bench.Tokens;

/// <summary>
/// Measures the validation of a token that a verifier has not seen before, against the unavoidable check of its signature.
/// </summary>
internal static class FirstSight
{
    private const string KeyId = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; // as long as the issuer's key ids (RFC 7638)
    private const int Tokens = 1_000, TokensPerTurn = 200, TurnsPerRound = 25;

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        using var mint = new Mint(KeyId);
        using var verifier = new Verifier(TimeProvider.System, verifiedTokens: 0); // without a cache, every validation is a first one
        verifier.Hold(KeyId, new ECDsaSecurityKey(mint.Key) { KeyId = KeyId });
        var texts = Enumerable.Range(0, Tokens)
            .Select(_ => mint.Sign(mint.Header, Mint.Claims(TimeProvider.System.GetUtcNow()).ToJsonString())).ToArray();
        var parts = texts.Select(Split).ToArray();
        async Task<bool> IsValidAsync(int i) => (await verifier.ValidateAsync(texts[i])).IsValid;
        Task<bool> HasGoodSignatureAsync(int i) =>
            Task.FromResult(mint.Key.VerifyData(parts[i].Signed, parts[i].Signature, HashAlgorithmName.SHA256));

        var (ratios, microseconds, ofSignature) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = -1; round < plan.Rounds; round++) // the round below 0 warms up
        {
            var turns = new List<(double Ours, double Theirs)>();
            for (var turn = 0; turn < TurnsPerRound; turn++)
            {
                cancellation.ThrowIfCancellationRequested();
                var theirs = turn % 2 == 0 ? 0 : await CpuTimeAsync(HasGoodSignatureAsync, turn);
                var ours = await CpuTimeAsync(IsValidAsync, turn);
                turns.Add((ours, theirs > 0 ? theirs : await CpuTimeAsync(HasGoodSignatureAsync, turn)));
            }

            if (round >= 0)
            {
                ratios.Add(Row.Median(turns.Select(turn => turn.Ours / turn.Theirs)));
                microseconds.AddRange(turns.Select(turn => turn.Ours));
                ofSignature.AddRange(turns.Select(turn => turn.Theirs));
            }
        }

        return
        [
            new Row("a token's first sight at a verifier, processor time", "ECDsa.VerifyData", ratios, Targets.FirstSight)
            {
                Figures = FormattableString.Invariant($"{Row.Median(microseconds):0.0} µs | {Row.Median(ofSignature):0.0} µs"),
            },
        ];
    }

    /// <returns>The microseconds for one token. This is the processor time of this otherwise idle process, so other programs do not
    /// count.</returns>
    private static async Task<double> CpuTimeAsync(Func<int, Task<bool>> isGoodAsync, int turn)
    {
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < TokensPerTurn; i++)
        {
            if (!await isGoodAsync((turn * TokensPerTurn + i) % Tokens))
            {
                throw new InvalidOperationException("A valid token is refused.");
            }
        }

        return (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / TokensPerTurn;
    }

    private static (byte[] Signed, byte[] Signature) Split(string token)
    {
        var end = token.LastIndexOf('.');
        return (Encoding.ASCII.GetBytes(token[..end]), Base64Url.DecodeFromChars(token.AsSpan(end + 1)));
    }
}
