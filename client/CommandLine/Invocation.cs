using System.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.CommandLine;

/// <summary>Everything that a command works with, created from the global options.</summary>
internal sealed class Invocation : IDisposable
{
    private readonly string serverOption;
    private bool hasWarned;

    private Invocation(ParseResult parsed)
    {
        Output = new Output(parsed.GetValue(GlobalOptions.Json));
        Sessions = new SessionFile(ConfigurationFolder.Path());
        Server = ServerAddress.Choose(parsed.GetValue(GlobalOptions.Server), Sessions);
        serverOption = parsed.GetValue(GlobalOptions.Server) is null ? "" : $" --server {Server}";
        Connection = new ServerConnection(Server);
    }

    public Output Output { get; }

    public SessionFile Sessions { get; }

    public ServerAddress Server { get; }

    public ServerConnection Connection { get; }

    public static void On(Command command, Func<Invocation, ParseResult, CancellationToken, Task<int>> run) =>
        command.SetAction(async (parsed, cancellation) =>
        {
            using var invocation = new Invocation(parsed);
            return await run(invocation, parsed, cancellation);
        });

    /// <summary>Warns once. Call it before asking for a password or sending a token.</summary>
    public void WarnIfOthersCanListen()
    {
        if (!hasWarned && !Server.IsLoopback && !Server.IsEncrypted)
        {
            hasWarned = true;
            Output.Warn($"{Server} is not encrypted: anyone on the network path can read passwords and tokens; use https");
        }
    }

    /// <summary>Returns the answer if it is a success. Otherwise the command ends with a hint that names the same server again.</summary>
    public Answer Accepted(Answer answer, string username) =>
        answer.IsSuccess ? answer : throw Refusal.From(answer, $"{username}{serverOption}");

    /// <summary>The same for a request of a session.</summary>
    public Answer Accepted(Answer answer, StoredSession session) => Accepted(answer, session.LoginArguments);

    public void Dispose() => Connection.Dispose();
}
