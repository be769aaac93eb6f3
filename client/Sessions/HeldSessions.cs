using System.Text.Json;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Sessions;

/// <summary>
/// The session file while no other client can change it. This is the only way to write the file, so no change builds on an old copy.
/// </summary>
internal sealed class HeldSessions(SessionFile file, IDisposable turn) : IDisposable
{
    public StoredSession Require(ServerAddress server) => file.Require(server);

    /// <summary>
    /// Returns the session of the user that the command began with. Another user may have signed in while the command waited or asked.
    /// </summary>
    public StoredSession Require(ServerAddress server, string username)
    {
        var session = Require(server);
        return session.Username == username
            ? session
            : throw new CommandFailure(
                ExitCode.NotSignedIn,
                "signed_in_anew",
                $"{session.Username} has signed in at {server} since this command began for {username}; nothing was sent",
                $"to act as {username}: authmesh login {username} --server {server}");
    }

    /// <param name="server">The server of the session.</param>
    /// <param name="session">The user and the tokens.</param>
    /// <param name="deviceCookie">The device cookie that the server set; null keeps the previous one.</param>
    public void Remember(ServerAddress server, StoredSession session, string? deviceCookie = null)
    {
        var stored = file.Read() with { LastServer = server.ToString() };
        stored.Servers[server.ToString()] = session;
        if (deviceCookie is not null)
        {
            stored = stored with { Devices = stored.Devices ?? [] };
            stored.Devices.TryAdd(server.ToString(), []);
            stored.Devices[server.ToString()][session.Username.ToLowerInvariant()] = deviceCookie;
        }

        Write(stored);
    }

    /// <summary>Deletes the session, and keeps the device cookie.</summary>
    public void Forget(ServerAddress server)
    {
        var stored = file.Read();
        stored.Servers.Remove(server.ToString());
        Write(stored);
    }

    /// <summary>Deletes the session and the device cookie of a deleted account.</summary>
    public void ForgetAccount(ServerAddress server, string username)
    {
        var stored = file.Read();
        stored.Servers.Remove(server.ToString());
        stored.Devices?.GetValueOrDefault(server.ToString())?.Remove(username.ToLowerInvariant());
        Write(stored);
    }

    public void Dispose() => turn.Dispose();

    private void Write(StoredSessions stored)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(stored, ClientJson.Default.StoredSessions);
        try
        {
            OwnerOnlyFile.Replace(file.FilePath, content);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw SessionFile.Unusable($"{file.FilePath} cannot be written: {exception.Message}", SessionFile.ElsewhereHint);
        }
    }
}
