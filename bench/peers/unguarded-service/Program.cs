// A service of the mesh like the resource service, with the same answer on an anonymous route.
using AuthMesh;

var builder = WebApplication.CreateSlimBuilder(args);
builder.AddAuthMesh();
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, OpenJson.Default));
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
app.MapGet("/protected", () => OpenResponse.Answer).AllowAnonymous();
app.Run();
