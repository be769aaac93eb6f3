using System.Net.Sockets;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Server;

/// <summary>Explains why no answer came, with a hint at the cure.</summary>
internal static class NoAnswer
{
    /// <summary>
    /// Whether an exception says that no answer came. SocketsHttpHandler does not wrap the reset of a connection just made.
    /// </summary>
    public static bool Explains(Exception exception) => exception is HttpRequestException or SocketException;

    public static CommandFailure From(Exception exception, ServerAddress server) =>
        exception is HttpRequestException request ? From(request, server) : Closed(server);

    public static CommandFailure InTime(ServerAddress server, TimeSpan patience) =>
        Unavailable($"No answer from {server} within {patience.TotalSeconds:0} s", "the server may be overloaded or starting; try again");

    private static CommandFailure From(HttpRequestException exception, ServerAddress server) => exception.HttpRequestError switch
    {
        HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ProxyTunnelError
            when ProxyFor(server) is { } proxy => Unavailable(
                $"Cannot reach {server} through the proxy {proxy}: {exception.Message}",
                $"http_proxy, https_proxy and all_proxy name the proxy; no_proxy={server.Origin.Host} bypasses it"),
        HttpRequestError.ConnectionError => Unavailable(
            $"Cannot connect to {server}",
            server.IsLoopback ? "is the mesh running? ./run.sh starts it" : "check the address, the network and that the server is up"),
        HttpRequestError.NameResolutionError => Unavailable($"No host named {server.Origin.Host} was found", "check the address"),
        HttpRequestError.SecureConnectionError => Unavailable(
            $"No secure connection to {server}: {exception.InnerException?.Message ?? exception.Message}",
            "check that the port speaks https and that this machine trusts its certificate"),
        HttpRequestError.ResponseEnded => Closed(server),
        HttpRequestError.Unknown when exception.InnerException is IOException => Closed(server), // reset, not closed in order
        HttpRequestError.ConfigurationLimitExceeded => CommandFailure.Unexpected(
            $"The answer from {server} is larger than any answer of AuthMesh", Answer.WrongServerHint),
        _ => CommandFailure.Unexpected($"{server} does not answer as a web server: {exception.Message}", Answer.WrongServerHint),
    };

    // Leaves out a name and password in the proxy's address.
    private static string? ProxyFor(ServerAddress server) => server.IsLoopback ? null
        : HttpClient.DefaultProxy.GetProxy(server.Origin)?.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);

    private static CommandFailure Closed(ServerAddress server) =>
        Unavailable($"{server} closed the connection before it answered", "try again");

    private static CommandFailure Unavailable(string message, string hint) =>
        new(ExitCode.Unavailable, "unavailable", message, hint);
}
