using System.Security.Claims;
using AuthMesh;
using AuthMesh.Access;
using AuthMesh.Settings;
using AuthMesh.Tokens;

var builder = WebApplication.CreateBuilder(args);
builder.AddAuthMesh(); // every endpoint below demands a good token, unless it says AllowAnonymous()

await using var app = builder.Build();

app.MapGet("/service1-path", (ClaimsPrincipal user) => new Greeting(user.UserId, $"Hello, {user.Username}"));
app.MapGet("/service1-path/everybody", () => new Greeting("everybody", "Hello, admin")).RequireAuthorization(Policies.Admin);
app.MapGet("/service1-path/about", () => new About(1)).AllowAnonymous();

return await app.RunOrRefuseAsync(); // says in words which setting is wrong

/// <param name="Owner">The user's id. Store data under it, never under the name: a name can go to somebody else.</param>
/// <param name="Text">What to show.</param>
public sealed record Greeting(string Owner, string Text);

public sealed record About(int Version);
