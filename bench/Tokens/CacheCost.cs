using System.Buffers.Text;
using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Bench.Tokens;

/// <summary>Measures the cost of validating cached and uncached tokens, and the memory that the cache takes.</summary>
internal static class CacheCost
{
    private const string KeyId = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; // as long as the issuer's key ids (RFC 7638)
    private const int Rounds = 41;
    private const int Few = 1_000; // tokens that nearly fit into the processor's caches
    private static readonly TimeSpan TimePerTurn = TimeSpan.FromMilliseconds(25);

    public static Command Define()
    {
        var live = new Option<int>("--live") { Description = "Number of tokens in use", DefaultValueFactory = _ => 100_000 };
        var command = new Command("cache", "Compares the validation of cached and uncached tokens") { live };
        command.SetAction(async parsed => await RunAsync(Math.Max(Few, parsed.GetValue(live))));
        return command;
    }

    private static async Task RunAsync(int live)
    {
        using var mint = new Mint(KeyId);
        using var remembering = new Verifier(TimeProvider.System);
        using var forgetful = new Verifier(TimeProvider.System, verifiedTokens: 0);
        var key = new ECDsaSecurityKey(mint.Key) { KeyId = KeyId };
        remembering.Hold(KeyId, key);
        forgetful.Hold(KeyId, key);
        var tokens = Enumerable.Range(0, live).AsParallel()
            .Select(_ => mint.Sign(mint.Header, Mint.Claims(TimeProvider.System.GetUtcNow()).ToJsonString())).ToArray();
        var signatures = tokens.Take(Few).Select(Split).ToArray();

        var bytesPerEntry = await MeasureEntriesAsync(remembering, tokens);

        bool HasGoodSignature((byte[] Signed, byte[] Signature) token) =>
            mint.Key.VerifyData(token.Signed, token.Signature, HashAlgorithmName.SHA256);
        Contender[] contenders =
        [
            new("ECDsa.VerifyData alone", Few, i => Task.FromResult(HasGoodSignature(signatures[i]))),
            new("validated, not cached", Few, i => IsValidAsync(forgetful, tokens[i])),
            new($"validated, 1 of {Few} cached", Few, i => IsValidAsync(remembering, tokens[i])),
            new($"validated, 1 of {live} cached", live, i => IsValidAsync(remembering, tokens[i])),
        ];
        for (var round = 0; round <= Rounds; round++) // the first round warms up
        {
            for (var turn = 0; turn < contenders.Length; turn++) // each contender regularly starts a round
            {
                await contenders[(turn + round) % contenders.Length].TakeTurnAsync(isCounted: round > 0);
            }
        }

        Print(contenders, tokens[0].Length, remembering.Remembered.Count, bytesPerEntry);
    }

    private static async Task<double> MeasureEntriesAsync(Verifier verifier, string[] tokens)
    {
        await IsValidAsync(verifier, tokens[0]); // excludes what the library caches once per key
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await Parallel.ForAsync(1, tokens.Length, async (i, _) => await IsValidAsync(verifier, tokens[i]));
        return (GC.GetTotalMemory(forceFullCollection: true) - before) / (tokens.Length - 1.0);
    }

    private static void Print(Contender[] contenders, int tokenLength, int remembered, double bytesPerEntry)
    {
        WriteLine($"Tokens of {tokenLength} characters; medians of {Rounds} rounds in which all take turns.");
        WriteLine($"{"",-36}{"µs",8}{"to VerifyData",15}{"to not cached",19}{"bytes allocated",17}");
        foreach (var contender in contenders)
        {
            var (toVerifyData, toNotRemembered) = (contender.RatioTo(contenders[0]), contender.RatioTo(contenders[1]));
            var bytes = contender.BytesAllocated;
            WriteLine($"{contender.Name,-36}{contender.Median,8:0.00}{toVerifyData,15:0.000}{toNotRemembered,19:0.000}{bytes,17:N0}");
        }

        var megabytes = bytesPerEntry * remembered / 1e6;
        WriteLine($"A cached token takes {bytesPerEntry:0} bytes; {remembered:N0} are cached, {megabytes:0.0} MB.");
    }

    private static void WriteLine(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));

    private static async Task<bool> IsValidAsync(Verifier verifier, string token) => (await verifier.ValidateAsync(token)).IsValid;

    private static (byte[] Signed, byte[] Signature) Split(string token)
    {
        var end = token.LastIndexOf('.');
        return (Encoding.ASCII.GetBytes(token[..end]), Base64Url.DecodeFromChars(token.AsSpan(end + 1)));
    }

    /// <summary>One way to validate a token, with its times.</summary>
    private sealed class Contender(string name, int tokens, Func<int, Task<bool>> isGoodAsync)
    {
        private readonly List<double> microseconds = [];
        private int next;

        public string Name => name;

        public double Median => MedianOf(microseconds);

        public double BytesAllocated { get; private set; }

        /// <summary>The median of the ratios by round: a temporary slowdown of the machine affects both.</summary>
        public double RatioTo(Contender other) => MedianOf(microseconds.Zip(other.microseconds, (own, others) => own / others));

        public async Task TakeTurnAsync(bool isCounted)
        {
            var (bytes, start, done) = (GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp(), 0);
            while (Stopwatch.GetElapsedTime(start) < TimePerTurn)
            {
                for (var i = 0; i < 16; i++, done++)
                {
                    next = (next + 7_919) % tokens; // a prime, so that all are used, but not in the order of their addresses
                    if (!await isGoodAsync(next))
                    {
                        throw new InvalidOperationException("A valid token is refused.");
                    }
                }
            }

            if (isCounted)
            {
                microseconds.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / done);
                BytesAllocated = (GC.GetTotalAllocatedBytes(precise: true) - bytes) / (double)done;
            }
        }

        private static double MedianOf(IEnumerable<double> values) => values.Order().ElementAt(Rounds / 2);
    }
}
