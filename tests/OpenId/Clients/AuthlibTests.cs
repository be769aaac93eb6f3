namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>A web application in Python, with authlib.</summary>
[Collection<OnClientMesh>]
public sealed class AuthlibTests(ClientMesh mesh)
{
    [Fact]
    public async Task Authlib_signs_a_person_in_and_out()
    {
        var (registered, client) = await DrivenProgram.StartAsync(
            mesh, ["/usr/bin/python3", "authlib-client.py"], ClientMesh.OfflineScope,
            new() { ["AUTHLIB_INSECURE_TRANSPORT"] = "1" }); // http
        await using (client)
        {
            await Story.TellAsync(mesh, registered, client);
        }
    }
}
