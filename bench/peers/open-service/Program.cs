// What the resource service answers, to everybody, on the bare framework: what proxies are compared in front of.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, OpenJson.Default));
var app = builder.Build();
app.MapGet("/protected", () => OpenResponse.Answer);
app.Run();
