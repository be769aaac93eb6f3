using System.Collections;
using System.CommandLine;
using AuthMesh.LocalMesh;

if (OperatingSystem.IsWindows())
{
    Console.Error.WriteLine("The local mesh needs Linux or macOS. On Windows use WSL 2, or containers: docker compose up --build");
    return 1;
}

var port = Described(new Option<int>("--port"), "PORT", "The gateway's port on localhost, the only one that clients use");
port.DefaultValueFactory = _ => 8080;
var data = Described(new Option<string>("--data"), "DIR", "Folder for the database, its master key and the logs; kept between runs");
data.DefaultValueFactory = _ => ".authmesh";
var services = Described(
    new Option<string?>("--services"), "DIR", "Run the services published to DIR/SERVICE instead of this checkout's last build");
var settingsFile = Described(
    new Option<string?>("--settings"), "FILE", "JSON with settings for the services, as in their appsettings.json");
var noDemo = new Option<bool>("--no-demo") { Description = "Create no demo users (alice, bob and admin, with public passwords)" };
var postgres = new Option<PostgresSource>("--postgres") { Description = "Source of PostgreSQL; default: binaries, else a container" };
var identityPort = Described(new Option<int>("--identity-port"), "PORT", "Inner port of the identity service; 0 takes a free one");
var resourcePort = Described(new Option<int>("--resource-port"), "PORT", "Inner port of the resource service; 0 takes a free one");
var postgresPort = Described(new Option<int>("--postgres-port"), "PORT", "Port of PostgreSQL; 0 takes a free one");
var detach = new Option<bool>("--detach") { Description = "Return when the mesh is ready and leave it running in the background" };
var check = new Option<bool>("--check") { Description = "Print the source of PostgreSQL and start nothing" };
var stop = new Option<bool>("--stop") { Description = "Stop the mesh that runs on the data folder" };

var command = new RootCommand("""
    Starts AuthMesh on this machine without containers: PostgreSQL, the identity service, the resource service and the gateway,
    all on loopback. Ctrl-C stops them all.

    The services get settings from the file, and from the environment, such as Identity__Hashing__WorkFactor=10. If
    Identity__Database__ConnectionString is set, the mesh uses that PostgreSQL and starts none.
    """)
{
    port, data, services, settingsFile, noDemo, postgres, identityPort, resourcePort, postgresPort, detach, stop, check,
};

command.SetAction(async parsed =>
{
    using var interruption = new Interruption();
    var folder = Path.GetFullPath(parsed.GetValue(data)!);
    try
    {
        if (parsed.GetValue(stop)) return await Background.StopAsync(folder);
        if (parsed.GetValue(detach)) return await Background.StartAsync(folder, args, interruption.Token);

        var settings = parsed.GetValue(settingsFile) is { } file ? SettingsFile.Read(file) : new(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in SettingsInEnvironment()) settings[key] = value;
        var connectionString = settings.GetValueOrDefault("Identity:Database:ConnectionString");
        if (parsed.GetValue(check))
        {
            PostgresSource? found = connectionString is null ? await PostgresSources.ChooseAsync(folder, parsed.GetValue(postgres)) : null;
            Console.WriteLine($"PostgreSQL comes from: {found?.ToString() ?? "the connection string"}");
            return 0;
        }

        var environment = Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT") ?? "Development";
        return await Foreground.RunAsync(new MeshOptions
        {
            Environment = environment,
            GatewayPort = parsed.GetValue(port),
            IdentityPort = parsed.GetValue(identityPort),
            ResourcePort = parsed.GetValue(resourcePort),
            PostgresPort = parsed.GetValue(postgresPort),
            PostgresSource = parsed.GetValue(postgres),
            ConnectionString = connectionString,
            DataFolder = folder,
            PublishedServices = parsed.GetValue(services) is { } published ? Path.GetFullPath(published) : null,
            WritesMails = !settings.ContainsKey("Identity:Mail:Host"),
            DemoUsers = environment == "Development" && !parsed.GetValue(noDemo),
            Settings = settings,
            Report = Console.WriteLine,
        }, interruption.Token);
    }
    catch (MeshException problem)
    {
        await Console.Error.WriteLineAsync(problem.Message);
        return 1;
    }
});

// Interruption handles the signals. The library would end this program after 2 s, with everything still running.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static Option<T> Described<T>(Option<T> option, string value, string description)
{
    (option.HelpName, option.Description) = (value, description);
    return option;
}

// On the command line, settings in the environment are for the services. Other users of the library pass settings in MeshOptions.
static Dictionary<string, string> SettingsInEnvironment() => Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
    .Select(variable => (Name: (string)variable.Key, Value: (string)variable.Value!))
    .Where(variable => variable.Name.Contains("__", StringComparison.Ordinal)
        || variable.Name.StartsWith("OTEL_", StringComparison.Ordinal))
    .ToDictionary(variable => variable.Name.Replace("__", ":", StringComparison.Ordinal), variable => variable.Value);
