using System.Buffers.Text;
using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using AuthMesh.Bench.Tokens;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Keys;

/// <summary>
/// Checks that no caller notices key rotation. Callers with valid tokens, beside a flood of forged ones, call every replica of a mesh whose
/// key changes every few seconds. Now and then, a resource service is killed. A refused valid token is a failure.
/// </summary>
internal static class RotationLoad
{
    private const int Users = 6;
    private const int Forgers = 4;
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BetweenKills = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20); // for each caller, so that neither kind starves the other
    private static readonly TimeSpan OldestToken = TimeSpan.FromMinutes(20); // well below its lifetime of half an hour

    public static Command Define()
    {
        var seconds = new Option<int>("--seconds") { Description = "Duration of the run", DefaultValueFactory = _ => 300 };
        var interval = new Option<int>(
            "--interval")
        { Description = "Seconds that a key signs, at least 10", DefaultValueFactory = _ => 10 };
        var command = new Command(
            "rotation", "Counts valid tokens refused during key rotation, over 2 replicas of each service") { seconds, interval };
        command.SetAction((parsed, cancellation) =>
            RunAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), TimeSpan.FromSeconds(parsed.GetValue(interval)), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan time, TimeSpan interval, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                IdentityReplicas = 2,
                ResourceReplicas = 2,
                GatewayReplicas = 2,
                IdentitySettings = new Dictionary<string, string>(Unthrottled.Settings)
                {
                    ["Identity:Hashing:WorkFactor"] = "4",
                    ["Identity:Keys:RotationInterval"] = interval.ToString("c"),
                    ["Identity:Keys:MaxAge"] = MaxAge.ToString("c"),
                },
            },
            cancellation);
        using var run = new Run(mesh);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        end.CancelAfter(time);
        var kills = KillNowAndThenAsync(mesh, end.Token);
        await Task.WhenAll(
            Enumerable.Range(0, Users).Select(i => run.UseAsync(i, end.Token))
                .Concat(Enumerable.Range(0, Forgers).Select(_ => run.ForgeAsync(end.Token)))
                .Append(kills));
        var rotations = mesh.Identities.Sum(
            identity => identity.Output.Split('\n').Count(line => line.Contains(" signs from now on", StringComparison.Ordinal)));
        return run.Print(time, interval, rotations, await kills);
    }

    /// <returns>The number of kills.</returns>
    private static async Task<int> KillNowAndThenAsync(Mesh mesh, CancellationToken cancellation)
    {
        for (var kills = 0; ; kills++)
        {
            await Task.Delay(BetweenKills, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellation.IsCancellationRequested)
            {
                return kills;
            }

            var resource = mesh.Resources[kills % mesh.Resources.Count];
            resource.Kill();
            await resource.RestartAsync();
        }
    }

    private sealed class Run : IDisposable
    {
        private readonly string issuer;
        private readonly Replica[] gateways, verifiers;
        private readonly ConcurrentDictionary<string, bool> signers = new();
        private readonly ConcurrentQueue<string> refusals = new();
        private readonly Tally good = new(), forged = new();

        public Run(Mesh mesh)
        {
            issuer = mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);
            gateways = [.. mesh.Gateways.Select((service, i) => new Replica($"gateway {i}", new Caller(service.Address), "/protected"))];
            verifiers =
            [
                .. gateways,
                .. mesh.Resources.Select((service, i) => new Replica($"resource {i}", new Caller(service.Address), "/protected")),
                .. mesh.Identities.Select((service, i) => new Replica($"identity {i}", new Caller(service.Address), "/account")),
            ];
        }

        /// <summary>
        /// Acts as one user, who repeatedly gets a fresh token and sends it at once to every replica, together with an older one and the
        /// cookie.
        /// </summary>
        public async Task UseAsync(int number, CancellationToken cancellation)
        {
            var credentials = new { username = $"user-{number}-{Guid.NewGuid():N}"[..24], password = "a password for a benchmark" };
            await gateways[0].Caller.PostAsync("/register", credentials);
            var (answer, cookie) = await gateways[0].Caller.PostAsync("/login", credentials);
            var (token, refreshToken) = (Text(answer, "token"), Text(answer, "refresh_token"));
            var tokens = new List<(string Token, long Since)>();
            for (var turn = number; !cancellation.IsCancellationRequested; turn++)
            {
                tokens.Add((token, Stopwatch.GetTimestamp()));
                tokens.RemoveAll(old => Stopwatch.GetElapsedTime(old.Since) > OldestToken);
                signers[KeyOf(token)] = true;
                var older = tokens[RandomNumberGenerator.GetInt32(tokens.Count)];
                await Task.WhenAll(
                    verifiers.Select(verifier => ShowAsync(verifier, token, "fresh"))
                        .Concat(
                            verifiers.Select(
                                verifier =>
                                ShowAsync(verifier, older.Token, $"{Stopwatch.GetElapsedTime(older.Since).TotalSeconds:0} s old")))
                        .Concat(gateways.Select(gateway => ShowCookieAsync(gateway, cookie))));
                await Task.Delay(Pause, CancellationToken.None);
                try
                {
                    (answer, _) = await gateways[turn % gateways.Length].Caller.PostAsync("/refresh", new { refresh_token = refreshToken });
                    (token, refreshToken) = (Text(answer, "token"), Text(answer, "refresh_token"));
                }
                catch (HttpRequestException)
                {
                    // continue with the previous token
                }
            }
        }

        /// <summary>Sends tokens of unknown keys, each with its own key id, and some with the id of a valid key.</summary>
        public async Task ForgeAsync(CancellationToken cancellation)
        {
            for (var turn = 0; !cancellation.IsCancellationRequested; turn++)
            {
                var stolenName = turn % 10 == 0 ? signers.Keys.FirstOrDefault() : null;
                using var mint = new Mint(stolenName ?? Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
                var claims = Mint.Claims(TimeProvider.System.GetUtcNow());
                claims["iss"] = issuer;
                var token = mint.Sign(mint.Header, claims.ToJsonString());
                foreach (var verifier in verifiers)
                {
                    forged.Count(await verifier.GetAsync(token));
                }

                await Task.Delay(Pause, CancellationToken.None);
            }
        }

        public void Dispose() => Array.ForEach(verifiers, verifier => verifier.Caller.Dispose());

        public int Print(TimeSpan time, TimeSpan interval, int rotations, int kills)
        {
            Console.WriteLine(
                $"{time.TotalSeconds:0} s; a key signs for {interval.TotalSeconds:0} s, the key set may be cached for "
                + $"{MaxAge.TotalSeconds:0} s; 2 replicas of each service;");
            Console.WriteLine($"a resource service was killed and restarted {kills} times");
            Console.WriteLine();
            Console.WriteLine($"{"rotations",-30}{rotations,10}");
            Console.WriteLine($"{"keys that signed tokens",-30}{signers.Count,10}");
            Console.WriteLine($"{"requests with a good token",-30}{good.Total,10}   {good}");
            Console.WriteLine($"{"requests with a forged token",-30}{forged.Total,10}   {forged}");
            Console.WriteLine($"{"good tokens refused",-30}{good.Of(401),10}");
            Console.WriteLine($"{"forged tokens accepted",-30}{forged.Of(200),10}");
            foreach (var refusal in refusals.Take(20))
            {
                Console.WriteLine("  " + refusal);
            }

            var isProof = rotations > 0 && good.Of(200) > 0 && forged.Of(401) > 0 && good.HasOnly(200, 401, 503)
                && forged.HasOnly(200, 401, 503);
            return isProof && good.Of(401) == 0 && forged.Of(200) == 0 ? 0 : 1;
        }

        private async Task ShowAsync(Replica verifier, string token, string age) =>
            Note(await verifier.GetAsync(token), verifier, $"{age}, signed by {KeyOf(token)}");

        private async Task ShowCookieAsync(Replica gateway, string cookie) =>
            Note(await gateway.GetAsync(null, cookie), gateway, "for a cookie");

        private void Note(HttpStatusCode? status, Replica verifier, string what)
        {
            good.Count(status);
            if (status == HttpStatusCode.Unauthorized)
            {
                refusals.Enqueue($"{TimeProvider.System.GetUtcNow():HH:mm:ss.fff} {verifier.Name}: a token {what}");
            }
        }

        private static string Text(JsonElement answer, string member) => answer.GetProperty(member).GetString()!;

        private static string KeyOf(string token) =>
            JsonElement.Parse(Base64Url.DecodeFromChars(token.AsSpan(0, token.IndexOf('.', StringComparison.Ordinal)))).GetProperty("kid")
            .GetString()!;
    }

    private sealed record Replica(string Name, Caller Caller, string Path)
    {
        /// <returns>The status, or null without an answer.</returns>
        public async Task<HttpStatusCode?> GetAsync(string? token, string? cookie = null)
        {
            try
            {
                return await Caller.SendAsync(HttpMethod.Get, Path, token, null, cookie);
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    private sealed class Tally
    {
        private readonly ConcurrentDictionary<int, int> counts = new(); // by status; 0 without an answer

        public int Total => counts.Values.Sum();

        public void Count(HttpStatusCode? status) => counts.AddOrUpdate((int)(status ?? 0), 1, (_, count) => count + 1);

        public int Of(int status) => counts.GetValueOrDefault(status);

        public bool HasOnly(params int[] statuses) => counts.Keys.All(status => status == 0 || statuses.Contains(status));

        public override string ToString() =>
            string.Join(
                ", ", counts.OrderBy(count => count.Key).Select(count => $"{(count.Key == 0 ? "no answer" : count.Key)}: {count.Value}"));
    }
}
