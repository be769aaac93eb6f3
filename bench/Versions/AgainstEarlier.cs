using System.CommandLine;
using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Protected;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Versions;

/// <summary>Compares this version with an earlier one: the same requests, in turns, in one run.</summary>
internal static class AgainstEarlier
{
    private const string Password = "a password for a benchmark";
    private const int Callers = 16;

    // Limits that an earlier version refuses to know. None of them counts the requests below.
    private static readonly string[] Unknown = ["Codes", "MailTo", "MailFrom", "RequestedMails"];

    public static Command Define()
    {
        var earlier = new Argument<DirectoryInfo>("EARLIER") { Description = "The earlier version's services, a folder for each" };
        var now = new Argument<DirectoryInfo>("NOW") { Description = "This version's" };
        var rounds = new Option<int>("--rounds") { Description = "Number of rounds", DefaultValueFactory = _ => 9 };
        var command = new Command(
            "versions", "Compares this version with an earlier one; bench/versions.sh COMMIT prepares and runs it")
        {
            earlier, now, rounds,
        };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(earlier), parsed.GetRequiredValue(now), Plan.Full with { Rounds = parsed.GetValue(rounds) },
            cancellation));
        return command;
    }

    private static async Task<int> RunAsync(DirectoryInfo earlier, DirectoryInfo now, Plan plan, CancellationToken cancellation)
    {
        await using var before = await StartAsync(earlier, isEarlier: true, cancellation);
        await using var after = await StartAsync(now, isEarlier: false, cancellation);
        var rows = await TemporaryFolders.UseAsync(async folder => (Row[])
            [
                await ProtectedAsync(before, after, plan, folder, cancellation),
                await ComparePostsAsync("POST /refresh", before, after, RefreshAsync, plan, cancellation),
                await ComparePostsAsync("POST /login, with hashes that take a millisecond", before, after, LoginAsync, plan, cancellation),
            ]);
        Console.Write(Table.ForPeople(rows));
        return 0;
    }

    private static Task<Mesh> StartAsync(DirectoryInfo published, bool isEarlier, CancellationToken cancellation) => Mesh.StartAsync(
        InProduction.Options with
        {
            PublishedServices = published.FullName,
            Http2Inside = false, // earlier versions have no address for it
            AllowsLoopbackNames = !isEarlier, // they allow every name, and do not know the setting
            IdentitySettings = Unthrottled.WithCheapHashes
                .Where(setting => !Unknown.Any(limit => setting.Key.Contains($":{limit}:", StringComparison.Ordinal)))
                .ToDictionary(setting => setting.Key, setting => setting.Value),
        },
        cancellation);

    private static async Task<Row> ProtectedAsync(Mesh before, Mesh after, Plan plan, string folder, CancellationToken cancellation)
    {
        async Task<Contender> ForAsync(Mesh mesh, string name)
        {
            var tokens = Path.Combine(folder, name);
            var users = await SignedInUsers.CreateAsync(mesh.Gateway.Address, 1_000);
            await File.WriteAllLinesAsync(tokens, users.Tokens.Select(token => "Bearer " + token), cancellation);
            return new Contender(
                mesh.Gateway.Address, ("Authorization", tokens), isGuarded: true,
                [("gateway", mesh.Gateway.ProcessId!.Value), ("resource service", mesh.Resource.ProcessId!.Value)]);
        }

        var (theirs, ours) = (await ForAsync(before, "before"), await ForAsync(after, "after"));
        await Contender.TakeTurnsAsync([ours, theirs], plan, cancellation);
        return ours.Against(theirs, "GET /protected, by bearer token", "the earlier version", new Reach.AtLeast(0.97));
    }

    private static async Task<Row> ComparePostsAsync(
        string measure, Mesh before, Mesh after, Func<Mesh, CancellationToken, Task<PostLoad>> makeAsync, Plan plan,
        CancellationToken cancellation)
    {
        var (theirs, ours) = (await makeAsync(before, cancellation), await makeAsync(after, cancellation));
        await theirs.RunAsync(plan.WarmUp / 2, cancellation);
        await ours.RunAsync(plan.WarmUp / 2, cancellation);
        var (ratios, cpuTheirs, cpuOurs) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < plan.Rounds; round++)
        {
            var first = await (round % 2 == 0 ? ours : theirs).RunAsync(plan.Turn / 2, cancellation);
            var second = await (round % 2 == 0 ? theirs : ours).RunAsync(plan.Turn / 2, cancellation);
            var (our, their) = round % 2 == 0 ? (first, second) : (second, first);
            ratios.Add(our.PerSecond / their.PerSecond);
            cpuOurs.Add(our.Cpu);
            cpuTheirs.Add(their.Cpu);
        }

        return new Row(measure, "the earlier version", ratios, new Reach.AtLeast(0.97))
        {
            Figures = FormattableString.Invariant(
                $"identity service {Row.Median(cpuOurs) * 1e3:0.000} CPU ms each | {Row.Median(cpuTheirs) * 1e3:0.000} CPU ms each"),
        };
    }

    // Each caller has a session of its own. Within 30 s, a session rotates once; the other calls get the same answer from the same
    // statement.
    private static async Task<PostLoad> RefreshAsync(Mesh mesh, CancellationToken cancellation)
    {
        var bodies = await SignInAsync(mesh, "/login", cancellation);
        return new PostLoad(mesh.Gateway.Address, "/refresh", mesh.Identity.ProcessId!.Value, [.. bodies.Select(Body)], Body);

        static string Body(JsonElement answer) => $$"""{"refresh_token":"{{answer.GetProperty("refresh_token").GetString()}}"}""";
    }

    private static async Task<PostLoad> LoginAsync(Mesh mesh, CancellationToken cancellation)
    {
        using var http = Client(mesh);
        string[] bodies = [.. Enumerable.Range(0, Callers).Select(_ => JsonSerializer.Serialize(NewUser()))];
        foreach (var body in bodies)
        {
            using var registered = await http.PostAsync(
                new Uri("/register", UriKind.Relative), new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
                cancellation);
            registered.EnsureSuccessStatusCode();
        }

        return new PostLoad(mesh.Gateway.Address, "/login", mesh.Identity.ProcessId!.Value, bodies);
    }

    private static async Task<List<JsonElement>> SignInAsync(Mesh mesh, string path, CancellationToken cancellation)
    {
        using var http = Client(mesh);
        var answers = new List<JsonElement>();
        for (var i = 0; i < Callers; i++)
        {
            var user = NewUser();
            using var registered = await http.PostAsJsonAsync("/register", user, cancellation);
            registered.EnsureSuccessStatusCode();
            using var signedIn = await http.PostAsJsonAsync(path, user, cancellation);
            signedIn.EnsureSuccessStatusCode();
            answers.Add(await signedIn.Content.ReadFromJsonAsync<JsonElement>(cancellation));
        }

        return answers;
    }

    private static Dictionary<string, string> NewUser() =>
        new() { ["username"] = $"bench-{Guid.NewGuid():N}", ["password"] = Password };

    private static HttpClient Client(Mesh mesh) =>
        new(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = mesh.Gateway.Address };
}
