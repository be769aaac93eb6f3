using System.Security.Claims;
using AuthMesh;
using AuthMesh.Access;
using AuthMesh.Tokens;
using Notes;

var builder = WebApplication.CreateBuilder(args);
builder.AddAuthMesh();
builder.Services.AddSingleton<Notebook>();

var app = builder.Build();

app.MapGet("/notes", (ClaimsPrincipal user, Notebook notes) => notes.Of(user.UserId));
app.MapPost("/notes", (ClaimsPrincipal user, Notebook notes, NewNote note) => notes.Add(user.UserId, note.Text));
app.MapDelete("/notes", (ClaimsPrincipal user, Notebook notes) => notes.RemoveAll(user.UserId))
    .RequireRecentSignIn(TimeSpan.FromMinutes(10));
app.MapGet("/notes/all", (Notebook notes) => notes.All).RequireAuthorization(Policies.Admin);
app.MapGet("/notes/count", (ClaimsPrincipal user, Notebook notes) => new { count = notes.Of(user.UserId).Count })
    .RequireScope("notes.read");
app.MapGet("/notes/export", (Notebook notes) => notes.All).RequireApplication("notes.read");
app.MapGet("/notes/about", () => new { version = 1 }).AllowAnonymous();

app.Run();
