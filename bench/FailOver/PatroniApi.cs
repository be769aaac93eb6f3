using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace AuthMesh.Bench.FailOver;

/// <summary>The REST interface of one node's Patroni.</summary>
/// <param name="address">Its address, or null while it has none.</param>
internal sealed class PatroniApi(Func<Uri?> address)
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(40) };

    /// <summary>What this Patroni says of all nodes; empty if it is silent.</summary>
    public async Task<IReadOnlyDictionary<string, (string Role, string State)>> ReadClusterAsync()
    {
        var members = new Dictionary<string, (string, string)>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            if (address() is { } known)
            {
                var cluster = await Http.GetFromJsonAsync<JsonElement>(new Uri(known, "/cluster"), patience.Token);
                foreach (var member in cluster.GetProperty("members").EnumerateArray())
                {
                    members[Read(member, "name")] = (Read(member, "role"), Read(member, "state"));
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or JsonException)
        {
        }

        return members;
    }

    /// <summary>Hands the leadership over. Patroni answers when that is done.</summary>
    /// <param name="leader">The name of the present leader.</param>
    public async Task SwitchOverAsync(string leader)
    {
        using var body = new StringContent($$"""{"leader":"{{leader}}"}"""); // of known length, which Patroni demands
        using var answer = await Http.PostAsync(new Uri(address()!, "/switchover"), body);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException($"Patroni refused to switch over: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    private static string Read(JsonElement member, string name) => member.GetProperty(name).GetString()!;
}
