namespace AuthMesh.Client.Accounts;

internal sealed record Credentials(string Username, string Password);
