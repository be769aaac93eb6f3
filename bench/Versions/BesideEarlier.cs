using System.CommandLine;
using System.Net;
using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.Versions;

/// <summary>
/// Checks that an earlier version serves beside this one, as during a deployment: on one database, which this version migrates, and as a
/// service of the earlier version that follows this version's identity service. It measures nothing.
/// </summary>
internal static class BesideEarlier
{
    private const string Password = "a password for a check";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static Command Define()
    {
        var earlier = new Argument<DirectoryInfo>("EARLIER") { Description = "The earlier version's services, a folder for each" };
        var now = new Argument<DirectoryInfo>("NOW") { Description = "This version's" };
        var command = new Command("beside", "Checks that an earlier version serves beside this one; bench/beside.sh prepares and runs it")
        {
            earlier, now,
        };
        command.SetAction((parsed, cancellation) =>
            RunAsync(parsed.GetRequiredValue(earlier).FullName, parsed.GetRequiredValue(now).FullName, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string earlier, string now, CancellationToken cancellation)
    {
        // 1. The earlier version, with a user who is signed in. It gets only limits that every version knows.
        string[] known =
            [":WorkFactor", ":AccountAndNetwork:Attempts", ":Account:Attempts", ":Network:Attempts", ":Registrations:Attempts"];
        var settings = InProduction.Options.IdentitySettings
            .Where(setting => known.Any(name => setting.Key.EndsWith(name, StringComparison.Ordinal)))
            .ToDictionary(setting => setting.Key, setting => setting.Value);
        await using var before = await Mesh.StartAsync(
            InProduction.Options with
            {
                PublishedServices = earlier,
                Http2Inside = false,
                AllowsLoopbackNames = false,
                IdentitySettings = settings,
            },
            cancellation);
        var problems = new Problems();
        using var old = new Caller(before.Identity.Address);
        using var oldService = new Caller(before.Resource.Address);
        var user = await SignUpAsync(old);

        var mayGoBack = await KeepsVersionAsync(before.ConnectionString, cancellation);

        // 2. This version migrates the database that the earlier one uses. A service of the earlier version follows it.
        await using var identity = await StartAsync("identity-service", now, before.Identity.Settings, cancellation);
        var inner = new Dictionary<string, string>(before.Resource.Settings)
        {
            ["AuthMesh:IdentityUrl"] = identity.Address.GetLeftPart(UriPartial.Authority),
        };
        await using var resource = await StartAsync("resource-service", now, inner, cancellation);
        await using var oldFollower = await StartAsync("resource-service", earlier, inner, cancellation);
        using var fresh = new Caller(identity.Address);
        using var freshService = new Caller(resource.Address);
        using var follower = new Caller(oldFollower.Address);
        (string Name, Caller Identity)[] identities = [("the earlier identity service", old), ("the newer identity service", fresh)];
        (string Name, Caller Service)[] services =
            [("the earlier service", oldService), ("the newer service", freshService), ("the earlier service at the newer mesh", follower)];

        // 3. Each identity service does its work for users of both, and each service accepts the tokens and learns of the logout.
        foreach (var (name, caller) in identities)
        {
            foreach (var session in new[] { user, await SignUpAsync(old), await SignUpAsync(fresh) })
            {
                var login = await problems.TryAsync($"{name}: login", () => SignInAsync(caller, session.Username));
                await problems.TryAsync($"{name}: refresh", () => caller.PostAsync(
                    "/refresh", new { refresh_token = session.RefreshToken }));
                foreach (var (verifier, service) in services)
                {
                    await problems.UntilAsync(
                        $"{verifier} accepts a token of {name}", service, login?.Token, HttpStatusCode.OK, Deadline);
                }

                problems.Expect(
                    $"{name}: logout", HttpStatusCode.OK, await caller.SendAsync(HttpMethod.Post, "/logout", login?.Token));
                foreach (var (verifier, service) in services)
                {
                    await problems.UntilAsync(
                        $"{verifier} refuses a token that ended at {name}", service, login?.Token, HttpStatusCode.Unauthorized, Deadline);
                }
            }
        }

        if (!mayGoBack)
        {
            Console.WriteLine("The earlier version refuses every newer schema by design, so going back to it is not checked.");
            return problems.Report();
        }

        // 4. The earlier version starts again on the newer schema, as after a rollback.
        await problems.TryAsync("the earlier identity service starts again", async () =>
        {
            await before.Identity.RestartAsync();
            await before.Identity.WaitUntilReadyAsync(cancellation: cancellation);
            return await SignInAsync(old, user.Username);
        });
        return problems.Report();
    }

    /// <summary>Whether the earlier version reads from the database which versions may use it.</summary>
    private static async Task<bool> KeepsVersionAsync(string connectionString, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT to_regclass('schema_version') IS NOT NULL", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private static async Task<ServiceProcess> StartAsync(
        string name, string folder, IReadOnlyDictionary<string, string> settings, CancellationToken cancellation)
    {
        var service = await ServiceProcess.StartAsync(
            name, settings, InProduction.Options.Environment, program: ServiceOutput.Published(folder, name));
        await service.WaitUntilReadyAsync(cancellation: cancellation);
        return service;
    }

    private static async Task<SignedIn> SignUpAsync(Caller identity)
    {
        var username = $"beside-{Guid.NewGuid():N}"[..20];
        await identity.PostAsync("/register", new { username, password = Password });
        return await SignInAsync(identity, username);
    }

    private static async Task<SignedIn> SignInAsync(Caller identity, string username)
    {
        var (body, _) = await identity.PostAsync("/login", new { username, password = Password });
        return new(username, Text(body, "token"), Text(body, "refresh_token"));
    }

    private static string Text(JsonElement body, string name) => body.GetProperty(name).GetString()!;

    private sealed record SignedIn(string Username, string Token, string RefreshToken);

    /// <summary>Collects what did not work.</summary>
    private sealed class Problems
    {
        private readonly List<string> found = [];
        private int checks;

        public async Task<T?> TryAsync<T>(string name, Func<Task<T>> work)
        {
            checks++;
            try
            {
                return await work();
            }
            catch (Exception exception) when (exception is HttpRequestException or MeshException)
            {
                found.Add($"{name}: {exception.Message}");
                return default;
            }
        }

        public void Expect(string name, HttpStatusCode wanted, HttpStatusCode status)
        {
            checks++;
            if (status != wanted)
            {
                found.Add($"{name}: {(int)status} instead of {(int)wanted}");
            }
        }

        /// <summary>A revocation takes a moment to arrive, and a key that is new to the service as well.</summary>
        public async Task UntilAsync(string name, Caller service, string? token, HttpStatusCode wanted, TimeSpan deadline)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            var start = TimeProvider.System.GetTimestamp();
            HttpStatusCode status;
            while ((status = await service.SendAsync(HttpMethod.Get, "/protected", token)) != wanted
                && TimeProvider.System.GetElapsedTime(start) < deadline)
            {
                await timer.WaitForNextTickAsync();
            }

            Expect(name, wanted, status);
        }

        public int Report()
        {
            found.ForEach(problem => Console.WriteLine($"FAILED: {problem}"));
            Console.WriteLine($"The earlier version beside this one: {checks} checks, {found.Count} failed");
            return found.Count == 0 ? 0 : 1;
        }
    }
}
